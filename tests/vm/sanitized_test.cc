// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "schema/tape/verify/verify.h"
#include "tests/support/must.h"
#include "tests/vm/checks/capture_fixture.h"

// For a build whose programs run under sanitizers: any finding ends the recorder.

namespace ktape::test {

TEST_CASE_METHOD(CaptureFixture,
                 "a whole capture, and the readers of its tape, run under the sanitizers") {
  const Captured captured = capture("cold_path_roundtrip", "6.16");
  CHECK(captured.program.exit_status == 0);
  CHECK(captured.facts.outcome == schema::Outcome::COMPLETED);
  CHECK(must(verify(captured.tape, std::nullopt)).integrity == Integrity::kIntact);
  CHECK(run_built("ktape-replay", {captured.tape}).exit_status == 0);
  CHECK(run_built("ktape-read", {captured.tape, "--at", "freeze:1", "task:sleeper.scx.dsq_vtime"})
            .exit_status == 0);
  CHECK(run_built("ktape-check", {captured.tape}).exit_status == 0);
}

}  // namespace ktape::test
