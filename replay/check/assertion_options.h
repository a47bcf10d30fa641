// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "replay/check/verdicts.h"
#include "schema/base/command/command_line.h"

namespace ktape {

// The options that choose assertions, as in `ktape check`, for other verbs that judge tapes.
inline void add_assertion_options(CommandLine& program, AssertionOptions& options) {
  auto repeated = [&](const char* name, std::vector<std::string>& value, const char* type,
                      const char* help) {
    program.add(name, value, help).value_name(type).repeated();
  };
  repeated("--only", options.choice.only, "NAME", "Run only these assertions. May be repeated");
  repeated("--require", options.choice.require, "NAME",
           "Always run this assertion, and count inconclusive as violated. May be repeated");
  repeated("--with", options.choice.with, "'NAME ARG...'",
           "Run this assertion with these arguments. May be repeated");
  repeated("--analyzers", options.folders, "DIR",
           "Look for assertions in this folder first. May be repeated");
}

}  // namespace ktape
