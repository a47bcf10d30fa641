// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// How a child process ended, and what it printed.
struct ChildResult {
  int exit_status = -1;  // -1: it was killed
  int signal = 0;        // by this signal
  std::string output;    // its standard output, up to the limit
  std::string errors;    // its standard error, if it was asked for, up to the limit
  std::string stopped;   // why it was stopped; empty if it ended by itself
};

struct ChildOptions {
  size_t output_bytes = 0;  // one that prints more is stopped
  // Standard error is kept up to this size, and the rest dropped. Nothing: it is ours.
  std::optional<size_t> error_bytes;
  std::optional<std::chrono::milliseconds> time;  // one that runs longer is stopped
  int interrupt_fd = -1;  // when this becomes readable, the child is stopped
};

// Runs a program without standard input in its own process group; when the program has ended or is
// stopped, the rest of the group is killed. kHost if it cannot be started or its output cannot be
// read.
[[nodiscard]] Result<ChildResult> run_child(const std::string& program,
                                            const std::vector<std::string>& arguments,
                                            const ChildOptions& options);

// The same without a time limit; standard error is ours. kBadInput if it prints more than
// `limit_bytes`.
[[nodiscard]] Result<ChildResult> run_child(const std::string& program,
                                            const std::vector<std::string>& arguments,
                                            size_t limit_bytes);

}  // namespace ktape
