// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/kernel/kernel.h"
#include "schema/base/result.h"
#include "schema/scenario/load.h"

namespace ktape {

// kBadInput if the scenario needs sched_ext and the kernel has none; the message says what needs
// it.
[[nodiscard]] Result<void> check_sched_ext(schema::Scenario::Reader scenario,
                                           const KernelKnowledge& kernel);

// Checks every op of a scenario against the kernel that is about to boot: symbols, types, members
// and widths. What depends on memory, such as a NULL pointer, is not checked. kUsage:
// "FILE:LINE:COLUMN: step 'look', op 'vtime': sentence", with the nearest names as the hint.
[[nodiscard]] Result<void> check_scenario_ops(const LoadedScenario& scenario,
                                              const KernelKnowledge& kernel);

}  // namespace ktape
