// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "replay/check/child.h"
#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// One line of the result: an assertion's word on a tape.
struct CheckResult {
  // Not asked: it was not given the arguments that it needs, and says nothing about the tape.
  enum class Kind { kPassed, kViolated, kInconclusive, kNotAsked, kError };
  Kind kind = Kind::kError;
  ExitCode code = ExitCode::kHost;
  std::string reason;  // empty when passed
};

// What an assertion that ended so has said. Its exit status and its KTAP must agree: one that
// crashes, was stopped or says nothing is an error, never a pass. Exit status 2 with nothing but
// skipped results says that it lacks arguments: such an assertion was not asked, and its exit
// status counts as good.
[[nodiscard]] CheckResult result_of_child(const ChildResult& child);

// The same, for an assertion that must not be left open: inconclusive and not asked are violated.
[[nodiscard]] CheckResult required(CheckResult result);

// "ok 1 vtime-monotonic\n", with directives as KTAP has them.
[[nodiscard]] std::string result_line(size_t number, const std::string& name,
                                      const CheckResult& result);

// Sums up results while they come.
class CheckSummary {
 public:
  void add(const std::string& name, const CheckResult& result);
  // What the recorder of a tape lost; empty for nothing.
  void add_losses(const std::string& tape, const std::string& losses);
  // Lines of KTAP diagnostics: the verdicts and the losses for people, the totals as kselftest
  // prints them.
  [[nodiscard]] std::string text() const;
  // The worst; inconclusive where no assertion was asked, since nothing was decided then.
  [[nodiscard]] ExitCode code() const;
  [[nodiscard]] size_t passed() const { return passed_; }
  [[nodiscard]] size_t violated() const { return violated_.size(); }
  [[nodiscard]] size_t skipped() const { return inconclusive_.size() + not_asked_runs_; }
  [[nodiscard]] size_t errors() const { return errors_.size(); }

 private:
  size_t passed_ = 0;
  std::vector<std::string> violated_;
  std::vector<std::string> inconclusive_;
  std::vector<std::string> not_asked_;  // each name once, of however many tapes
  size_t not_asked_runs_ = 0;
  std::vector<std::string> errors_;
  std::vector<std::string> losses_;
  ExitCode code_ = ExitCode::kGood;
};

}  // namespace ktape
