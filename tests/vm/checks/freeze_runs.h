// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

inline constexpr size_t kFreezesPerRun = 50;

// A full switch on 8 vCPUs with a spinner on each: a sleeping task is written and read in turns, 50
// freezes.
[[nodiscard]] std::string freeze_scenario();

// Checks a run of it: the guest came to its end, nothing stalled for the few seconds after which
// the kernel would have thrown the scheduler out, every request has one reply, writes were refused
// for a held runqueue lock only and seldom, every value that was read is the one that was written
// last, jiffies went on, and no more tasks are runnable than there are.
void check_freeze_run(const Captured& captured);

}  // namespace ktape::test
