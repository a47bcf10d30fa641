// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "replay/check/assertions.h"
#include "replay/check/check.h"
#include "replay/check/expectations.h"
#include "schema/base/result.h"

namespace ktape {

// A tape to be judged.
struct CheckedTape {
  std::string path;
  // "intact", "truncated", "unsealed"; "altered" and "unreadable" are refused.
  std::string integrity;
  std::string finding;  // details; safe to print
  std::string hint;     // the remedy of an error; may be empty
  std::string head;     // head digest in hex; empty if refused
  std::string losses;   // LossTally::text()
  bool lossless = false;
  Expectations expected;               // failures; none if refused
  std::vector<AssertionRun> missing;   // of those; no program: find_missing()
  std::optional<CheckResult> refused;  // why it is not judged
};

// Verifies a tape, once for all assertions.
[[nodiscard]] CheckedTape inspect_tape(const std::string& path);

// Finds the assertions that the tape's scenario expects to fail and that are not among `runs`.
// They are then inconclusive. For a check of all assertions only.
void find_missing(CheckedTape& tape, const std::vector<AssertionRun>& runs);

// One assertion's verdict on one tape.
struct CheckedRun {
  CheckResult result;
  std::string text;  // what it printed, as a subtest
  std::chrono::nanoseconds lasted{0};
};

struct CheckLimits {
  size_t jobs = 1;
  std::chrono::milliseconds time{60'000};  // for each assertion and tape
  size_t output_bytes = size_t{4} << 20;   // of standard output, for each
  size_t error_bytes = size_t{64} << 10;   // of standard error to keep
  int interrupt_fd = -1;                   // when this becomes readable, assertions are stopped
};

// Inspects the tapes in parallel; results in the order given. `inspected` is called with the number
// done.
[[nodiscard]] std::vector<CheckedTape> inspect_tapes(const std::vector<std::string>& paths,
                                                     const CheckLimits& limits,
                                                     const std::function<void(size_t)>& inspected);

// Runs every assertion over every tape that is not refused, in parallel, and delivers the results
// in order: tape by tape, and run by run within a tape, then its missing ones. A refused tape has
// one result, with `run` null. Stops when `take` returns false.
struct CheckStep {
  // Both live as long as the vectors that were given.
  const CheckedTape& tape;
  const AssertionRun* run;
  CheckedRun checked;
};
void check_tapes(const std::vector<CheckedTape>& tapes, const std::vector<AssertionRun>& runs,
                 const CheckLimits& limits, const std::function<bool(const CheckStep&)>& take);

}  // namespace ktape
