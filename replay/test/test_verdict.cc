// SPDX-License-Identifier: Apache-2.0
#include "replay/test/test_verdict.h"

#include <fmt/format.h>

#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"

namespace ktape {

namespace {

using Kind = TestVerdict::Kind;

TestVerdict none(ExitCode code, std::string why) { return {Kind::kNone, code, std::move(why)}; }

std::string outcome_of(const TestRun& run) {
  std::string text = enum_words(run.outcome);
  return run.outcome_detail.empty() ? text : text + ": " + run.outcome_detail;
}

// Why a capture that ended this way left nothing to judge; nothing: it may have.
std::optional<TestVerdict> capture_failed(const TestRun& run) {
  if (run.capture.signal != 0) {
    return none(ExitCode::kHost,
                fmt::format("the capture was killed by signal {}", run.capture.signal));
  }
  switch (static_cast<ExitCode>(run.capture.exit_status)) {
    // Status 1: the run ended badly, but there is a tape; that may be the very fault that is looked
    // for.
    case ExitCode::kGood:
    case ExitCode::kViolated: return std::nullopt;
    case ExitCode::kUsage:
      return none(ExitCode::kUsage,
                  "the capture refused its options, or the scenario on this kernel");
    case ExitCode::kBadInput: return none(ExitCode::kBadInput, "the kernel cannot be used");
    case ExitCode::kHost:
      return none(ExitCode::kHost, "the machine was lost, or the host lacks something");
    default:
      return none(ExitCode::kHost,
                  fmt::format("the capture ended with status {}", run.capture.exit_status));
  }
}

// Why a run that ended this way says nothing, whatever the assertions say.
std::optional<TestVerdict> outcome_failed(const TestRun& run) {
  switch (run.outcome) {
    // Ends of the guest's own doing: they may be the fault that is looked for.
    case schema::Outcome::COMPLETED:
    case schema::Outcome::SCENARIO_FAILED:
    case schema::Outcome::GUEST_PANICKED:
    case schema::Outcome::RUN_TIMED_OUT:
    case schema::Outcome::GUEST_EXITED: break;
    default: return none(ExitCode::kHost, outcome_of(run));
  }
  // A kernel that does not boot says nothing about the scheduler.
  if (run.reached_first_step) return std::nullopt;
  return none(ExitCode::kInconclusive,
              "the guest did not reach the first step: " + outcome_of(run));
}

struct Tally {
  size_t passed = 0;
  size_t xfailed = 0;
  std::string violated;  // the first, with its evidence
  std::string undecided;
  std::string error;
};

Tally tally(const Verdicts& verdicts) {
  Tally found;
  auto first = [](std::string& into, const std::string& name, const std::string& why) {
    if (into.empty()) into = why.empty() ? name : name + ": " + why;
  };
  for (const auto& [name, verdict] : verdicts) {
    switch (verdict.result.kind) {
      case CheckResult::Kind::kPassed: ++found.passed; break;
      case CheckResult::Kind::kViolated:
        first(found.violated, name,
              verdict.result.reason.empty() && !verdict.findings.empty() ? verdict.findings.front()
                                                                         : verdict.result.reason);
        break;
      case CheckResult::Kind::kXfail: ++found.xfailed; break;
      case CheckResult::Kind::kXpass: first(found.violated, name, verdict.result.reason); break;
      case CheckResult::Kind::kError: first(found.error, name, verdict.result.reason); break;
      default:
        // Most assertions do not apply to every run; only one that the user named has to be
        // decided.
        if (verdict.named) first(found.undecided, name, verdict.result.reason);
        break;
    }
  }
  return found;
}

// Whether the scenario expects that the run does not complete.
bool may_fail_to_complete(const Verdicts& verdicts) {
  const auto found = verdicts.find("run-completed");
  return found != verdicts.end() && found->second.result.kind == CheckResult::Kind::kXfail;
}

}  // namespace

TestVerdict judge_run(const TestRun& run) {
  if (auto failed = capture_failed(run)) return *failed;
  if (!run.sealed) {
    return none(ExitCode::kBadInput,
                run.not_evaluated.empty() ? "no tape was sealed" : run.not_evaluated);
  }
  if (auto failed = outcome_failed(run)) return *failed;
  Tally found = tally(run.verdicts);
  // Without all assertions the verdict would be a guess, so this counts before a violation.
  if (!found.error.empty())
    return none(ExitCode::kHost, "an assertion could not be run: " + found.error);
  if (!found.violated.empty()) return {Kind::kBad, ExitCode::kViolated, found.violated};
  if (!run.ejection.empty()) return {Kind::kBad, ExitCode::kViolated, "scheduler " + run.ejection};
  if (!found.undecided.empty()) return none(ExitCode::kInconclusive, found.undecided);
  // A run that broke off might have violated something later.
  if (found.passed + found.xfailed == 0)
    return none(ExitCode::kInconclusive, "no assertion was decided");
  if (run.outcome != schema::Outcome::COMPLETED && !may_fail_to_complete(run.verdicts)) {
    return none(ExitCode::kInconclusive,
                "nothing is violated, but the run did not complete: " + outcome_of(run));
  }
  std::string why = count_text(found.passed, "assertion") + " passed";
  if (found.xfailed > 0) why += fmt::format(", {} failed as expected", found.xfailed);
  return {Kind::kGood, ExitCode::kGood, why};
}

TestVerdict::Kind over_all(Kind a, Kind b) {
  // One bad run is enough: the fault is there, even if not every run shows it.
  if (a == Kind::kBad || b == Kind::kBad) return Kind::kBad;
  if (a == Kind::kNone || b == Kind::kNone) return Kind::kNone;
  return Kind::kGood;
}

int bisect_status(Kind kind) {
  switch (kind) {
    case Kind::kGood: return 0;
    case Kind::kBad: return 1;
    case Kind::kNone: break;
  }
  return kBisectSkip;
}

}  // namespace ktape
