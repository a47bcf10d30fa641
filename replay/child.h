// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// How a child process ended, and what it printed.
struct ChildResult {
  int exit_status = -1;  // -1: it was killed
  int signal = 0;        // by this signal
  std::string output;    // its standard output
};

// Runs a program to its end, without standard input; its standard error is ours. kHost when it cannot be
// started or its output cannot be read, kBadInput when it prints more than `limit_bytes`.
[[nodiscard]] Result<ChildResult> run_child(const std::string& program,
                                            const std::vector<std::string>& arguments, size_t limit_bytes);

}  // namespace ktape
