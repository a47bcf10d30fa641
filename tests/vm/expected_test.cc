// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE_METHOD(CaptureFixture, "a stall that its scenario expects is xfail on the tape alone") {
  const Captured captured = capture("expected_stall", "6.16");
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == schema::Outcome::COMPLETED);
  const ChildResult check = run_built(
      "ktape-check", {captured.tape, "--only", "no-scheduler-error", "--only", "run-completed"});
  INFO(check.output);
  CHECK(check.exit_status == 0);
  CHECK_THAT(check.output, ContainsSubstring("\nok 1 no-scheduler-error # XFAIL seq "));
  CHECK_THAT(check.output, ContainsSubstring("failed to run for"));
  CHECK_THAT(check.output, ContainsSubstring(" pass:1 fail:0 xfail:1 xpass:0 skip:0 error:0\n"));
}

}  // namespace ktape::test
