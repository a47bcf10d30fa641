// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "guest/kernel/kernel.h"
#include "tools/benchmarks/guest_run.h"

namespace ktape::bench {

// Boots a guest, lets it settle, passes it to `act` with its kernel adopted, and ends it.
[[nodiscard]] Result<void> measure_at_rest(
    const GuestOptions& options, const std::function<Result<void>(Guest&, const Kernel&)>& act);

// Lets the guest run for that long. Its messages meanwhile are discarded.
[[nodiscard]] Result<void> run_on(Machine& machine, std::chrono::milliseconds time);

}  // namespace ktape::bench
