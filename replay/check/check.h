// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/child.h"
#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// One line of the result: an assertion's verdict on a tape.
struct CheckResult {
  enum class Kind {
    kPassed,
    kViolated,
    kXfail,  // violated, as the tape's scenario expects
    kXpass,  // passed, although the tape's scenario expects a failure
    kInconclusive,
    kNotAsked,  // it lacks the arguments that it needs, and says nothing about the tape
    kError,
  };
  Kind kind = Kind::kError;
  ExitCode code = ExitCode::kHost;
  std::string reason;  // empty when passed
};

// The result of an assertion whose process ended. Its exit status and its KTAP must agree: one that
// crashes, was stopped or prints nothing is an error, never a pass. Exit status 2 with only skipped
// results means that it lacks arguments: such an assertion was not asked, and its exit status
// counts as good.
[[nodiscard]] CheckResult result_of_child(const ChildResult& child);

// The same for a required assertion: inconclusive and not asked become violated.
[[nodiscard]] CheckResult required(CheckResult result);

// "ok 1 vtime-monotonic\n", with the directives of KTAP and kselftest. Readers that know neither
// XFAIL nor XPASS go by "ok".
[[nodiscard]] std::string result_line(size_t number, const std::string& name,
                                      const CheckResult& result);

// Sums up results as they come.
class CheckSummary {
 public:
  void add(const std::string& name, const CheckResult& result);
  // What the recorder of a tape lost; empty: nothing.
  void add_losses(const std::string& tape, const std::string& losses);
  // "8 of 9 assertions passed; violated: op-pairing". Those that failed as expected have not
  // passed.
  [[nodiscard]] std::string verdicts() const;
  // "none", or which tapes lost what.
  [[nodiscard]] std::string losses() const;
  // Lines of KTAP diagnostics: the verdicts and the losses for people, the totals in kselftest's
  // form.
  [[nodiscard]] std::string text() const;
  // The worst; inconclusive if no assertion was asked, because nothing was decided then.
  [[nodiscard]] ExitCode code() const;
  [[nodiscard]] size_t passed() const { return passed_; }
  [[nodiscard]] size_t violated() const { return violated_.size(); }
  [[nodiscard]] size_t xfailed() const { return xfailed_.size(); }
  [[nodiscard]] size_t xpassed() const { return xpassed_.size(); }
  [[nodiscard]] size_t skipped() const { return inconclusive_.size() + not_asked_runs_; }
  [[nodiscard]] size_t errors() const { return errors_.size(); }

 private:
  // Those that were asked.
  [[nodiscard]] size_t decided() const;

  size_t passed_ = 0;
  std::vector<std::string> violated_;
  std::vector<std::string> xfailed_;
  std::vector<std::string> xpassed_;
  std::vector<std::string> inconclusive_;
  std::vector<std::string> not_asked_;  // each name once, for any number of tapes
  size_t not_asked_runs_ = 0;
  std::vector<std::string> errors_;
  std::vector<std::string> losses_;
  ExitCode code_ = ExitCode::kGood;
};

}  // namespace ktape
