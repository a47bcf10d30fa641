// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "replay/check/assertions.h"
#include "replay/check/check.h"
#include "replay/check/check_run.h"
#include "schema/base/result.h"

namespace ktape {

// One assertion's verdict on a tape.
struct AssertionVerdict {
  CheckResult result;
  std::vector<std::string> findings;  // what it said (findings_in), of many the first
  bool named = false;                 // the user asked for this assertion by name
};

using Verdicts = std::map<std::string, AssertionVerdict>;  // by AssertionRun::label

// Where to look for assertions and which of them to run, as for `ktape check`.
struct AssertionOptions {
  std::vector<std::string> folders;  // before the program's own
  AssertionChoice choice;
};

// The runs that are asked for. kUsage for a name that does not exist; kHost if there are no
// assertions.
struct AskedAssertions {
  std::vector<AssertionRun> runs;
  // Labels of those that the options name, or whose folder they name.
  std::vector<std::string> named;
  bool all = false;  // no assertion was left out
};
[[nodiscard]] Result<AskedAssertions> find_asked_assertions(const AssertionOptions& options);

// Verifies a tape. kBadInput if it is altered or cannot be read.
[[nodiscard]] Result<CheckedTape> inspect_readable(const std::string& path);

// Runs them over the tape, as many at a time as there are CPUs, each for a minute at most.
[[nodiscard]] Verdicts run_assertions(const CheckedTape& tape, const AskedAssertions& asked);

// The number of findings of each sort; "violated, and 3 more" counts as three. Findings of other
// people's assertions, in their own words, are `other`.
struct FindingCounts {
  size_t violated = 0;
  size_t undecided = 0;
  size_t notes = 0;
  size_t other = 0;
};
[[nodiscard]] FindingCounts count_findings(const std::vector<std::string>& findings);

}  // namespace ktape
