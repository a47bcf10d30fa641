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

// Runs the program that the last part of argv[0] names and returns its exit status. kUsage, with a
// message on standard error, when that is none of them: the file was started by its own name.
[[nodiscard]] int run_named_program(std::span<const NamedProgram> programs, int argc, char** argv);

}  // namespace ktape
