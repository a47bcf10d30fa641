// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace ktape {

// A program that shares its executable with others.
struct NamedProgram {
  std::string_view name;  // that it is started by, "ktape-show"
  int (*main)(int argc, char** argv);
};

// Runs the program that the last part of argv[0] names. kUsage, told on standard error, when that
// is none of them.
[[nodiscard]] int run_named_program(std::span<const NamedProgram> programs, int argc, char** argv);

}  // namespace ktape
