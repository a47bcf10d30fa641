// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/named_program.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "schema/base/exit_code.h"
#include "schema/base/text.h"

namespace ktape {

int run_named_program(std::span<const NamedProgram> programs, int argc, char** argv) {
  const std::string_view path = argc > 0 ? argv[0] : "";
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto program = std::ranges::find(programs, name, &NamedProgram::name);
  if (program != programs.end()) return program->main(argc, argv);
  std::string names;
  for (const NamedProgram& one : programs)
    names += (names.empty() ? "" : ", ") + std::string(one.name);
  const Error error{ErrorCode::kUsage,
                    in_quotes(std::string(name)) + " is not the name of a program in this file",
                    "start it under one of these names: " + names};
  std::fputs(describe("ktape", error).c_str(), stderr);
  return static_cast<int>(exit_code(error));
}

}  // namespace ktape
