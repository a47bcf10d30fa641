// SPDX-License-Identifier: Apache-2.0
#include "capture/run/outcome.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

namespace {

RunEnd ended(schema::Outcome outcome, const std::string& detail = "",
             std::vector<std::string> ejections = {}) {
  RunEnd end;
  end.outcome = outcome;
  end.detail = detail;
  end.ejections = std::move(ejections);
  return end;
}

}  // namespace

TEST_CASE("a run without problems has completed, and nothing more is said") {
  CHECK(outcome_line(ended(schema::Outcome::COMPLETED)) == "completed");
  CHECK(outcome_line(ended(schema::Outcome::SCENARIO_FAILED, "step 'a': \x1b")) ==
        "scenario failed: step 'a': \\x1b");
}

TEST_CASE("the outcome of a run whose scheduler was ejected says so in its line") {
  CHECK(
      outcome_line(ended(schema::Outcome::COMPLETED, "", {"'qmap' was ejected: runtime error"})) ==
      "completed; scheduler 'qmap' was ejected: runtime error");
  CHECK(
      outcome_line(ended(schema::Outcome::COMPLETED, "", {"'a' was ejected", "'b' was ejected"})) ==
      "completed; scheduler 'a' was ejected, and 1 more");
  RunEnd many = ended(schema::Outcome::COMPLETED, "", {"'a' was ejected", "'b' was ejected"});
  many.ejections_left_out = 80;
  CHECK(outcome_line(many) == "completed; scheduler 'a' was ejected, and 81 more");
}

TEST_CASE("an ejection is a failure only if that was requested") {
  const RunEnd ejected = ended(schema::Outcome::COMPLETED, "", {"'qmap' was ejected"});
  CHECK(outcome_code(ejected, false) == ExitCode::kGood);
  CHECK(outcome_code(ejected, true) == ExitCode::kViolated);
  CHECK(outcome_code(ended(schema::Outcome::COMPLETED), true) == ExitCode::kGood);
  CHECK(outcome_code(ended(schema::Outcome::MACHINE_LOST, "", {"'qmap' was ejected"}), true) ==
        ExitCode::kHost);
  CHECK(outcome_code(ended(schema::Outcome::SCENARIO_FAILED), false) == ExitCode::kViolated);
}

}  // namespace ktape::test
