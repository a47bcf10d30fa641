// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "capture/verbs/new_scenario.h"
#include "schema/base/file.h"
#include "tests/support/must.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE_METHOD(CaptureFixture,
                 "what ktape init writes is captured, and every assertion passes on its tape") {
  const std::string path = KTAPE_SOURCE_DIR "/guest/scenarios/template.scenario.in";
  const std::string text = scenario_text(must(read_text_file(path, 1 << 20)), "mine");
  const Captured captured = capture_text("mine", text, "7.3");
  INFO(captured.tape << "\n" << captured.program.output);
  REQUIRE(captured.program.exit_status == 0);
  const ChildResult check = run_built("ktape-check", {captured.tape});
  INFO(check.output);
  CHECK(check.exit_status == 0);
  CHECK_THAT(check.output, ContainsSubstring("# 9 of 9 assertions passed"));
}

}  // namespace ktape::test
