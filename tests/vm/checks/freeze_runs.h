// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

inline constexpr size_t kFreezesPerRun = 50;

// A full switch on 8 vCPUs with a spinner on each: a sleeping task is written and read in turns, 50
// freezes.
[[nodiscard]] std::string freeze_scenario();

// Checks a run of it: the guest completed, nothing stalled for the few seconds after which the
// kernel would have ejected the scheduler, every request has one reply, writes were refused only
// for a held runqueue lock and rarely, every value read is the one written last, jiffies advanced,
// and no more tasks are runnable than exist.
void check_freeze_run(const Captured& captured);

}  // namespace ktape::test
