// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "replay/check/check_run.h"
#include "replay/text/text_writer.h"
#include "schema/base/command/terminal.h"

namespace ktape {

// Results of a check for people at a terminal: for each tape a heading and a line for each
// assertion, with its verdict, its name and the fact that proves it. What failed comes last, with
// all that it found. A tape's results come one after another.
class TerminalReport {
 public:
  TerminalReport(Colors colors, size_t columns) : writer_(colors, columns) {}

  // `step.tape` lives until finish().
  void add(const CheckStep& step);
  // The text, with the summary at its end.
  [[nodiscard]] std::string finish(const CheckSummary& summary);

 private:
  struct Row {
    CheckResult::Kind kind = CheckResult::Kind::kError;
    std::string name;
    std::string fact;
    std::string suffix;             // how many facts there are besides
    std::vector<std::string> more;  // lines below
  };

  void heading(const CheckedTape& tape);
  void close_tape();
  void show(const Row& row, size_t name_columns);

  TextWriter writer_;
  const CheckedTape* tape_ = nullptr;
  size_t tapes_ = 0;
  std::vector<Row> rows_;            // of this tape
  std::set<std::string> not_asked_;  // those that were shown: each once, of however many tapes
  bool left_out_ = false;            // findings that only --ktap prints
};

}  // namespace ktape
