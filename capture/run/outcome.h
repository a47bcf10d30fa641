// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "capture/run/engine.h"
#include "schema/base/exit_code.h"

namespace ktape {

// How a run ended, in one line for people: "completed", "scenario failed: step 'a': ...",
// "completed; scheduler 'qmap' was ejected: runtime error". Safe to print.
[[nodiscard]] std::string outcome_line(const RunEnd& end);

// The exit status that `ktape capture` has for it. `fail_on_eject`: a scheduler that the kernel
// threw out is reason enough not to be good.
[[nodiscard]] ExitCode outcome_code(const RunEnd& end, bool fail_on_eject);

}  // namespace ktape
