// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "replay/check/verdicts.h"
#include "schema/base/child.h"
#include "schema/base/exit_code.h"
#include "schema/record.capnp.h"

namespace ktape {

// One run of a test: how the capture ended, and what its tape says.
struct TestRun {
  ChildResult capture;
  std::string not_evaluated;  // why the tape was not judged; empty if it was
  bool sealed = false;        // there is a tape, and it is complete
  schema::Outcome outcome = schema::Outcome::NOT_SAID;
  std::string outcome_detail;
  bool reached_first_step = false;
  std::string ejection;  // of a scheduler, if that is to count as bad
  Verdicts verdicts;
};

// What a run says about the kernel.
struct TestVerdict {
  enum class Kind {
    kGood,
    kBad,
    kNone,  // the run says nothing about the kernel
  };
  Kind kind = Kind::kNone;
  ExitCode code = ExitCode::kInconclusive;  // as for `ktape check`
  std::string why;                          // one sentence, safe to print
};

// The assertions decide about a run that reached its first step; failures of the host say nothing.
//
//   kNone: the capture was refused or killed, no tape was sealed, the guest did not reach the first
//   step (it did not boot, or panicked before it), the machine was lost, the host failed, the run
//   was interrupted, the agent's messages could not be decoded; an assertion could not be run, or
//   one that was asked for by name is inconclusive; no assertion was decided; or all passed on a
//   run that did not complete.
//   kBad: an assertion is violated, or passed although the scenario expects it to fail.
//   run-completed is one: a panic or a hang after the first step is bad, unless --only leaves it
//   out, or the scenario expects it.
//   kGood: the run completed, or not, as the scenario expects; at least one assertion passed, or
//   failed as expected, and none is violated. Assertions that were not asked for by name may be
//   inconclusive: most do not apply to most scenarios.
[[nodiscard]] TestVerdict judge_run(const TestRun& run);

// Over several runs: bad if one is; else none if one is; else good.
[[nodiscard]] TestVerdict::Kind over_all(TestVerdict::Kind a, TestVerdict::Kind b);

// The exit status for `git bisect run`: 0 good, 1 bad, 125 this commit cannot be tested.
inline constexpr int kBisectSkip = 125;
[[nodiscard]] int bisect_status(TestVerdict::Kind kind);

}  // namespace ktape
