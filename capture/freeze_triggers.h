// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "schema/base/result.h"

namespace ktape {

// The trigger that nobody has to ask for.
inline constexpr char kScxErrorTrigger[] = "scx-error";

// A kernel function at whose entry the machine is frozen.
struct FreezeTrigger {
  std::string name;  // as on the tape: "scx-error", "symbol:schedule"
  std::string function;
  uint32_t times = 1;      // that it freezes at most
  bool scx_error = false;  // only when a scheduler exits with an error
};

// What became of a trigger.
struct TriggerCount {
  std::string name;
  bool armed = false;  // its breakpoint was set
  uint64_t freezes = 0;

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
    "scx-error (the default): when the kernel is about to eject a scheduler, with the evidence still there;\n"
    "symbol:NAME: when that kernel function is entered, once; symbol:NAME*N: N times;\n"
    "none: not scx-error. Repeatable, for four functions at most, three with a scheduler of your own.\n"
    "Nothing is frozen before the booted kernel is understood";

// Turns the values of `--freeze-on` into triggers for this kernel. kUsage, with the nearest names, for
// what cannot be: an unknown symbol, data, a name of several functions, more than the processor has
// breakpoints for, scx-error asked of a kernel without it. Where nobody asked for scx-error it is left
// out on such a kernel. `external_scheduler`: one breakpoint is SchedulerWatch's, where the kernel has the
// function for it.
[[nodiscard]] Result<std::vector<FreezeTrigger>> plan_triggers(const std::vector<std::string>& freeze_on,
                                                               const KernelKnowledge& kernel,
                                                               bool external_scheduler);

}  // namespace ktape
