// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "tools/benchmarks/guest_run.h"

namespace ktape::bench {

// One value of a machine that stands still: by QMP's human-monitor-command `xp` (floor, one value a
// sample) and by a typed read (ours, the mean of a request of 64). Returns JSON: {"symbol":
// {"floor", "ours"}, "per-cpu": ..., "task":
// ...}; of a task, ours evaluates twelve gates besides. The two must agree on the value.
[[nodiscard]] Result<std::string> measure_xp(const GuestOptions& options, uint32_t pairs);

}  // namespace ktape::bench
