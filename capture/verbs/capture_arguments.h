// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "capture/verbs/session.h"

namespace ktape {

inline constexpr char kCaptureProgram[] = "ktape capture";

// What a command line of `ktape capture` asks for; or the status that the program is over with,
// after --help or a mistake, which is told on standard error.
using ParsedCapture = std::variant<CaptureOptions, int>;
[[nodiscard]] ParsedCapture parse_capture(int argc, char** argv);

// The words behind `ktape capture` that ask for the same run, in one form: the kernel, whose
// default moves on; what differs from the other defaults; the scenario. Where the tape goes is no
// part of it. parse_capture gives the same options again.
[[nodiscard]] std::vector<std::string> capture_words(const CaptureOptions& options);

// The names of all options, "--kernel", and of the argument.
[[nodiscard]] std::vector<std::string> capture_option_names();

}  // namespace ktape
