// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "tools/benchmarks/guest_run.h"

namespace ktape::bench {

// Time that the machine stands still (ns, from when it stood until it runs) for a freeze that keeps
// all memory, after the first such. Floor: in a freeze of its own, memcpy of the pages that changed
// since the last, found by XXH3 of those that exist; the way in and out is not in it. Returns JSON:
// floor, ours, and `way`, the freezes that keep nothing.
[[nodiscard]] Result<std::string> measure_full_memory(const GuestOptions& options, uint32_t pairs);

// The same time with --memory sched (ours) and none (floor). The tape of ours is left in the
// scratch folder as sched.ktape.
[[nodiscard]] Result<std::string> measure_sched_memory(const GuestOptions& options, uint32_t pairs);

}  // namespace ktape::bench
