// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "schema/base/command/command_line.h"
#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// The command of the user's pager: $KTAPE_PAGER, else $PAGER, else "less". Empty for none: the
// variable is empty or "cat".
[[nodiscard]] std::string pager_command();

// While it exists, what is written to `stdout` goes through the user's pager, if standard output is
// a terminal that is not dumb. The pager starts with the first output, so a program that fails
// before has none. As with git, LESS is FRX if it is unset: text that fits on the screen stays on
// it. What cannot be paged is printed as it is.
//
// The user may leave the pager early. That is no error: what is written then goes nowhere, and the
// program's exit status is what it would have been.
class PagedOutput {
 public:
  PagedOutput();
  // Writes what is left and waits for the user to leave the pager.
  ~PagedOutput();
  PagedOutput(const PagedOutput&) = delete;
  PagedOutput& operator=(const PagedOutput&) = delete;

  class Pipe;

 private:
  std::unique_ptr<Pipe> pipe_;
  std::FILE* terminal_ = nullptr;  // the `stdout` of before
};

// Prints a text: through the pager if it has more lines than the terminal.
[[nodiscard]] Result<void> print_paged(const std::string& text);

// The option --no-pager.
class PagerOption {
 public:
  explicit PagerOption(CommandLine& program);
  PagerOption(const PagerOption&) = delete;
  PagerOption& operator=(const PagerOption&) = delete;

  // `run`, a function without arguments that returns Result<ExitCode>, with its output paged.
  template <typename Run>
  Result<ExitCode> paged(const Run& run) const {
    if (off_) return run();
    const PagedOutput output;
    return run();
  }

 private:
  bool off_ = false;
};

}  // namespace ktape
