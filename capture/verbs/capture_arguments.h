// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "capture/verbs/session.h"

namespace ktape {

inline constexpr char kCaptureProgram[] = "ktape capture";

// What a `ktape capture` command line asks for, or the exit status after --help or a usage error,
// which is printed to standard error.
using ParsedCapture = std::variant<CaptureOptions, int>;
[[nodiscard]] ParsedCapture parse_capture(int argc, char** argv);

// The arguments after `ktape capture` that ask for the same run, in canonical form: the kernel,
// because its default changes; each option that differs from its default; the scenario. The output
// path is not included. parse_capture turns them into the same options again.
[[nodiscard]] std::vector<std::string> capture_words(const CaptureOptions& options);

}  // namespace ktape
