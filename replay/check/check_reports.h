// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/check/check_run.h"
#include "schema/base/json_writer.h"
#include "schema/base/result.h"

namespace ktape {

// Results of a check as a file for other programs, built as they come. The results of a tape are
// consecutive.
class JsonReport {
 public:
  JsonReport() { tapes_.list(); }
  // `step.tape` lives until finish().
  void add(const CheckStep& step);
  // {"format":1,"ktape":"0.1.0","exitStatus":1,"totals":{"pass":3,...},
  //  "tapes":[{"path":...,"results":[...]}]}
  [[nodiscard]] std::string finish(const CheckSummary& summary);

 private:
  void close_tape();

  JsonWriter tapes_;
  const CheckedTape* tape_ = nullptr;
};

// The same as JUnit XML: a suite for each tape, a case for each run.
class JunitReport {
 public:
  // `step.tape` lives until finish().
  void add(const CheckStep& step);
  [[nodiscard]] std::string finish(const CheckSummary& summary);

 private:
  void close_tape();

  std::string suites_;
  std::string cases_;  // of this tape
  const CheckedTape* tape_ = nullptr;
  size_t tests_ = 0;
  size_t failures_ = 0;
  size_t errors_ = 0;
  size_t skipped_ = 0;
};

// Whether a report may replace the existing file: kUsage for an SQLite database, because it may be
// a tape and is never a report.
[[nodiscard]] Result<void> check_report_path(const std::string& path);

// Replaces the file. kHost if it cannot be written; a part may be there then.
[[nodiscard]] Result<void> write_report(const std::string& path, const std::string& text);

}  // namespace ktape
