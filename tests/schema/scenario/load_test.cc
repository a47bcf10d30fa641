// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/load.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "tests/schema/scenario/scenario_texts.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("the text of a scenario is kept as it was") {
  std::string text = scenario("# a comment\n");
  auto loaded = parse_scenario("x", text);
  REQUIRE(loaded.ok());
  CHECK(loaded->text() == text);
}

TEST_CASE("what only the decoder refuses is reported with its place too") {
  std::string write = "steps = [(actions = [(op = (entry = (write = (bytes = 0x\"\"))))])])";
  CHECK(complaint("(" + write) == "x:1:59: cannot be decoded: Parse error.; ");
  CHECK(complaint("(\n" + write) == "x:2:58: cannot be decoded: Parse error.; ");
}

TEST_CASE("a sign right after '=', which the text format cannot parse, has a remedy") {
  CHECK_THAT(complaint("(retryMs =-2)"),
             ContainsSubstring("cannot be decoded: ") &&
                 ContainsSubstring("; write a space before the sign of a negative number"));
}

TEST_CASE("a missing scenario file is a usage error") {
  auto scenario = load_scenario("/nonexistent/x.scenario");
  REQUIRE_FALSE(scenario.ok());
  CHECK(scenario.error().code == ErrorCode::kUsage);
  CHECK_THAT(scenario.error().message,
             ContainsSubstring("'/nonexistent/x.scenario': No such file or directory"));
}

}  // namespace ktape::test
