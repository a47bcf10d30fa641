// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/check/check_run.h"

namespace ktape {

// Results of a check for GitHub Actions: workflow commands, which the runner turns into
// annotations, and a job summary in Markdown. Text from tapes can do nothing in either.
class GithubReport {
 public:
  // The step's tape must outlive the report.
  void add(const CheckStep& step);
  // "::error title=no-scheduler-error%3A run.ktape::seq 309: ...", a line for each result that is
  // not a pass.
  [[nodiscard]] const std::string& commands() const { return commands_; }
  // A table of these results and one of the tapes.
  [[nodiscard]] std::string summary(const CheckSummary& of_all);

 private:
  // Of a table, as many as GitHub takes; the others are counted.
  class Rows {
   public:
    void add(const std::string& row);
    // Empty without rows.
    [[nodiscard]] std::string table(const char* head) const;

   private:
    std::string text_;
    size_t left_out_ = 0;
  };

  void close_tape();

  std::string commands_;
  Rows results_;
  Rows tapes_;
  const CheckedTape* tape_ = nullptr;
  CheckSummary of_tape_;
};

// A word that text from a tape cannot contain. Between "::stop-commands::WORD" and "::WORD::" the
// runner acts on nothing that a program prints. kHost if the system gives no random bytes.
[[nodiscard]] Result<std::string> stop_word();

// Appends to the file that the environment variable GITHUB_STEP_SUMMARY names, if it is set.
[[nodiscard]] Result<void> append_job_summary(const std::string& text);

}  // namespace ktape
