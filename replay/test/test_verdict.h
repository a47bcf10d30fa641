// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "replay/check/child.h"
#include "replay/check/verdicts.h"
#include "schema/base/exit_code.h"
#include "schema/record.capnp.h"

namespace ktape {

// What is known of one run of a test: how the capture ended, and what its tape says.
struct TestRun {
  ChildResult capture;
  std::string cannot_judge;  // why the tape was not judged; empty when it was
  bool sealed = false;       // there is a tape, and it is whole
  schema::Outcome outcome = schema::Outcome::NOT_SAID;
  std::string outcome_detail;
  bool reached_first_step = false;
  std::string ejection;  // of a scheduler, where that is to count as bad
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

// The assertions decide about a run that reached its first step; the host's failures say nothing.
//
//   kNone  the capture was refused or killed, no tape was sealed, the guest did not get as far as
//   the first
//          step (it did not boot, or panicked on the way), the machine was lost, the host failed,
//          the run was interrupted, the agent could not be understood; an assertion could not be
//          run, or one that was asked for by name is inconclusive; no assertion was decided; or all
//          passed on a run that did not complete
//   kBad   an assertion is violated. run-completed is one of ours: a panic or a hang after the
//   first step
//          is bad, unless --only leaves it out
//   kGood  the run completed, at least one assertion passed and none is violated. One that was not
//   asked for
//          by name may be inconclusive: most assertions do not apply to most scenarios
[[nodiscard]] TestVerdict judge_run(const TestRun& run);

// Over several runs: bad where one is; else none where one is; else good.
[[nodiscard]] TestVerdict::Kind over_all(TestVerdict::Kind a, TestVerdict::Kind b);

// What `git bisect run` understands: 0 good, 1 bad, 125 this commit cannot be tested.
inline constexpr int kBisectSkip = 125;
[[nodiscard]] int bisect_status(TestVerdict::Kind kind);

}  // namespace ktape
