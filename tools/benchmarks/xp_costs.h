// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "tools/benchmarks/guest_run.h"

namespace ktape::bench {

// One value of a frozen machine: by QMP's human-monitor-command `xp` (floor, one value per sample)
// and by a typed read (ours, the mean of a request of 64). Returns JSON: {"symbol": {"floor",
// "ours"}, "per-cpu": ..., "task": ...}; for a task, ours also evaluates twelve gates. The two must
// agree on the value.
[[nodiscard]] Result<std::string> measure_xp(const GuestOptions& options, uint32_t pairs);

}  // namespace ktape::bench
