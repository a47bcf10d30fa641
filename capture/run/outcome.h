// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "capture/run/engine.h"
#include "schema/base/exit_code.h"

namespace ktape {

// How a run ended, on one line: "completed", "scenario failed: step 'a': ...", "completed;
// scheduler 'qmap' was ejected: runtime error". Safe to print on a terminal.
[[nodiscard]] std::string outcome_line(const RunEnd& end);

// The exit status of `ktape capture`. `fail_on_eject`: a run in which the kernel ejected a
// scheduler is not good.
[[nodiscard]] ExitCode outcome_code(const RunEnd& end, bool fail_on_eject);

}  // namespace ktape
