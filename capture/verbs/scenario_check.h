// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/kernel/kernel.h"
#include "schema/base/result.h"
#include "schema/scenario/load.h"

namespace ktape {

// kBadInput, saying what for, when the scenario cannot do without sched_ext and the kernel has
// none.
[[nodiscard]] Result<void> check_sched_ext(schema::Scenario::Reader scenario,
                                           const KernelKnowledge& kernel);

// Holds every op of a scenario against the kernel that is about to boot: its symbols, types,
// members and widths. What only memory tells, such as a pointer that is NULL, is not looked at.
// kUsage: "FILE:LINE:COLUMN: step 'look', op 'vtime': sentence", with the nearest names as the
// hint.
[[nodiscard]] Result<void> check_scenario_ops(const LoadedScenario& scenario,
                                              const KernelKnowledge& kernel);

}  // namespace ktape
