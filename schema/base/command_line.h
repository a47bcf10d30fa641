// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "schema/base/exit_code.h"

namespace ktape {

// Parses the command line of a program whose app has the name that users know it by. An exit status
// when the program is over with that: 0 after --help and --version, kUsage after a mistake, which is
// told as "ktape capture: ..." with where to look.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(e);
    const Error error{ErrorCode::kUsage, e.what(), "'" + app.get_name() + " --help' says what it takes"};
    std::fputs(describe(app.get_name(), error).c_str(), stderr);
    return static_cast<int>(ExitCode::kUsage);
  }
}

}  // namespace ktape
