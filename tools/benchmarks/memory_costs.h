// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "tools/benchmarks/guest_run.h"

namespace ktape::bench {

// Time for which the machine is stopped (ns, from when it stopped until it runs) in a freeze that
// keeps all memory, after the first such freeze. Floor: in a freeze of its own, memcpy of the pages
// that changed since the last one, found by XXH3 of all pages; stop and thaw are not included.
// Returns JSON: floor, ours, and `way`, the freezes that keep nothing.
[[nodiscard]] Result<std::string> measure_full_memory(const GuestOptions& options, uint32_t pairs);

// The same time with --memory sched (ours) and none (floor). Leaves the tape of ours in the scratch
// folder as sched.ktape.
[[nodiscard]] Result<std::string> measure_sched_memory(const GuestOptions& options, uint32_t pairs);

}  // namespace ktape::bench
