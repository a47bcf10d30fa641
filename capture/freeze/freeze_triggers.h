// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/scenario/load.h"
#include "schema/terms/freeze_counts.h"

namespace ktape {

// A kernel function at whose entry the machine is frozen.
struct FreezeTrigger {
  std::string name;  // as on the tape: "scx-error", "symbol:schedule"
  std::string function;
  uint32_t times = 1;      // hits to freeze for, at most
  bool scx_error = false;  // only when a scheduler exits with an error
  schema::TriggerArming arming = schema::TriggerArming::KERNEL_KNOWN;  // when it is armed
  uint32_t step = 0;  // for TriggerArming::STEP: the step
};

// When to freeze, apart from the guest's requests.
struct FreezePlan {
  std::vector<FreezeTrigger> triggers;
  std::chrono::milliseconds every{0};  // from the first step on; 0: never
};

// The values of `--freeze-on`, for --help.
inline constexpr char kFreezeOnHelp[] =
    R"(When to freeze; overrides the scenario.
scx-error (the default): when the kernel is about to eject a scheduler, before the evidence is gone;
symbol:NAME: the first time a CPU enters that kernel function; symbol:NAME*N: the first N times;
none: do not freeze on scx-error.
Triggers are armed as soon as ktape has found the kernel's symbols in the booted guest. Append
@attach to arm one when a scheduler attaches, or @step:STEP to arm it when that step begins.
May be repeated, for at most four functions, or three if the scenario runs an external scheduler)";

// Turns the values of `--freeze-on`, or of a scenario's `freezes.on`, into triggers for this kernel
// and scenario. kUsage, with the nearest names, for an unknown symbol, data, a name shared by
// several functions, an unknown step, @attach in a scenario without a scheduler, scx-error on a
// kernel that lacks it, or more functions than a CPU has breakpoints (SchedulerWatch needs some,
// too). If scx-error is only the default, it is omitted on a kernel that lacks it.
[[nodiscard]] Result<std::vector<FreezeTrigger>> plan_triggers(
    const std::vector<std::string>& freeze_on, const KernelKnowledge& kernel,
    schema::Scenario::Reader scenario);

// The freezes of a run: those of the command line, or, if empty or 0, those of the scenario. An
// error in the scenario reads "FILE:LINE:COLUMN: sentence".
[[nodiscard]] Result<FreezePlan> plan_freezes(const std::vector<std::string>& freeze_on,
                                              std::chrono::milliseconds every,
                                              const KernelKnowledge& kernel,
                                              const LoadedScenario& scenario);

}  // namespace ktape
