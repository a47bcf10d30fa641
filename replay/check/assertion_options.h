// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "replay/check/verdicts.h"
#include "schema/base/command_line.h"

namespace ktape {

// The options with which `ktape check` chooses its assertions, for other programs that judge.
inline void add_assertion_options(CommandLine& program, AssertionOptions& options) {
  auto repeated = [&](const char* name, std::vector<std::string>& value, const char* type,
                      const char* help) {
    program.add(name, value, help).value_name(type).repeated();
  };
  repeated("--only", options.choice.only, "NAME",
           "judge with these assertions alone; may be repeated");
  repeated(
      "--require", options.choice.require, "NAME",
      "judge with this assertion in any case, and take inconclusive for violated; may be repeated");
  repeated("--with", options.choice.with, "'NAME ARG...'",
           "judge with this assertion, given these arguments; may be repeated");
  repeated("--analyzers", options.folders, "DIR",
           "look for assertions here first; may be repeated");
}

}  // namespace ktape
