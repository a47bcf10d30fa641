// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
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

// The same as JUnit XML: a suite for each tape, a case for each run. Jenkins' xUnit plugin has the
// strictest schema of its readers, junit-10.xsd. A failure that was expected is a skipped case.
class JunitReport {
 public:
  // `step.tape` lives until finish().
  void add(const CheckStep& step);
  [[nodiscard]] std::string finish();

 private:
  struct Counts {
    size_t tests = 0;
    size_t failures = 0;
    size_t errors = 0;
    size_t skipped = 0;
    std::chrono::nanoseconds time{0};
  };

  // The element for the outcome, which it counts; for one that passed, its output.
  [[nodiscard]] std::string outcome(const CheckedRun& run);
  void close_tape();

  std::string suites_;
  std::string cases_;  // of this tape
  const CheckedTape* tape_ = nullptr;
  Counts suite_;
  Counts all_;  // skipped cases are not among the totals of the schema
};

// Whether a report may replace the existing file: kUsage for an SQLite database, because it may be
// a tape and is never a report.
[[nodiscard]] Result<void> check_report_path(const std::string& path);

// Replaces the file. kHost if it cannot be written; a part may be there then.
[[nodiscard]] Result<void> write_report(const std::string& path, const std::string& text);

}  // namespace ktape
