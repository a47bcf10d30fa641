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

namespace ktape {

// The trigger that nobody has to ask for.
inline constexpr char kScxErrorTrigger[] = "scx-error";

// A kernel function at whose entry the machine is frozen.
struct FreezeTrigger {
  std::string name;  // as on the tape: "scx-error", "symbol:schedule"
  std::string function;
  uint32_t times = 1;      // hits that it freezes for at most
  bool scx_error = false;  // only when a scheduler exits with an error
  schema::TriggerArming arming = schema::TriggerArming::KERNEL_KNOWN;  // from when on
  uint32_t step = 0;                                                   // arming step: which
};

// What became of a trigger. A hit is a vCPU that stood at the function when the machine stopped;
// those of one stop are served in one freeze.
struct TriggerCount {
  std::string name;
  bool armed = false;  // its breakpoint was set
  uint64_t freezes = 0;
  uint64_t hits = 0;

  // "symbol:schedule: 3 times", "symbol:schedule: never, it was not entered"
  [[nodiscard]] std::string text() const;
};

// What a run is frozen for, beside the guest's requests.
struct FreezePlan {
  std::vector<FreezeTrigger> triggers;
  std::chrono::milliseconds every{0};  // from the first step on; 0: never
};

// What `--freeze-on` may say, for --help.
inline constexpr char kFreezeOnHelp[] =
    R"(scx-error (the default): when the kernel is about to eject a scheduler, with the evidence still there;
symbol:NAME: when a CPU enters that kernel function, once; symbol:NAME*N: N times; both from the moment
the booted kernel is understood, or with @attach behind: from when a scheduler is attached; with
@step:STEP: from when that step begins. none: not scx-error. Repeatable, for four functions at most,
three with a scheduler of your own. Instead of what the scenario says)";

// Turns the values of `--freeze-on`, or of a scenario's `freezes.on`, into triggers for this kernel
// and scenario. kUsage, with the nearest names, for what cannot be: an unknown symbol, data, a name
// of several functions, an unknown step, an attachment in a scenario without a scheduler, more than
// the processor has breakpoints for, also those that SchedulerWatch needs, scx-error asked of a
// kernel without it. Where nobody asked for scx-error it is left out on such a kernel.
[[nodiscard]] Result<std::vector<FreezeTrigger>> plan_triggers(
    const std::vector<std::string>& freeze_on, const KernelKnowledge& kernel,
    schema::Scenario::Reader scenario);

// The freezes of a run: what the command line says (empty, 0: nothing), else what the scenario
// does. An error about what stands in the scenario is "FILE:LINE:COLUMN: sentence".
[[nodiscard]] Result<FreezePlan> plan_freezes(const std::vector<std::string>& freeze_on,
                                              std::chrono::milliseconds every,
                                              const KernelKnowledge& kernel,
                                              const LoadedScenario& scenario);

}  // namespace ktape
