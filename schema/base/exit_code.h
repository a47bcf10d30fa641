// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// Exit statuses that every ktape program uses.
enum class ExitCode : int {
  kGood = 0,
  kViolated = 1,  // an assertion failed, a difference was found, a capture did not complete
  kUsage = 2,
  kBadInput = 3,       // the tape or other input is unusable
  kHost = 4,           // machine lost, or the host lacks something
  kInconclusive = 77,  // not applicable, inconclusive, not captured
};

// kNotFound and the like mean bad input here: what was asked about does not exist in the tape or
// kernel.
[[nodiscard]] ExitCode exit_code(const Error& error);

// The status for two results: 3 before 4 before 2 before 1 before 77 before 0.
[[nodiscard]] ExitCode worst(ExitCode a, ExitCode b);

// "ktape show: cannot open ...\nhint: ...\n": at most two lines, whatever the message quotes;
// control characters in it are escaped.
[[nodiscard]] std::string describe(std::string_view program, const Error& error);

}  // namespace ktape
