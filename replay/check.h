// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "replay/child.h"
#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// Analyzer programs by name ("vtime-monotonic"), in the order in which they run.
using Analyzers = std::map<std::string, std::string>;

// The programs ktape-assert-* of the folders; of two with one name, that of the earlier folder.
// kHost when a folder cannot be read.
[[nodiscard]] Result<Analyzers> find_analyzers(const std::vector<std::string>& folders);

// The named ones. kUsage for a name that is not there, with the nearest that is.
[[nodiscard]] Result<Analyzers> chosen_analyzers(const Analyzers& analyzers,
                                                 const std::vector<std::string>& names);

// One line of the result: an analyzer's word on a tape.
struct CheckResult {
  enum class Kind { kPassed, kViolated, kInconclusive, kError };
  Kind kind = Kind::kError;
  ExitCode code = ExitCode::kHost;
  std::string reason;  // inconclusive and error
};

// What an analyzer that ended so has said. Its exit status and its KTAP must agree: one that crashes or
// says nothing is an error, never a pass.
[[nodiscard]] CheckResult judge_child(const ChildResult& child);

// "ok 1 vtime-monotonic\n", with directives as KTAP has them.
[[nodiscard]] std::string result_line(size_t number, const std::string& name, const CheckResult& result);

// Sums up results while they come.
class CheckSummary {
 public:
  void add(const std::string& name, const CheckResult& result);
  // Two lines of KTAP diagnostics: one for people, one as kselftest prints it.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  size_t passed_ = 0;
  std::vector<std::string> violated_;
  std::vector<std::string> inconclusive_;
  std::vector<std::string> errors_;
  ExitCode code_ = ExitCode::kGood;
};

}  // namespace ktape
