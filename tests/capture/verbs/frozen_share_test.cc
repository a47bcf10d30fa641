// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/frozen_share.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "tests/support/must.h"

using namespace ktape;
using namespace ktape::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string read(const std::string& tag, const std::string& every, const std::string& mode) {
  return "(op = (mode = " + mode + ", every = (ms = " + every + "), entry = (tag = \"" + tag +
         "\", target = (symbol = \"" + tag + "\"), read = u64)))";
}

LoadedScenario with_actions(const std::string& actions) {
  return must(parse_scenario("x", "(name = \"t\", steps = [(name = \"look\", actions = [\n" +
                                      actions + ",\n(sleepMs = 100)])])"));
}

std::vector<std::string> shares(const std::string& actions,
                                schema::MemoryMode memory = schema::MemoryMode::SCHED) {
  return must(frozen_shares(with_actions(actions), memory));
}

}  // namespace

TEST_CASE("hot reads freeze nothing") { CHECK(shares(read("a", "1", "hot")).empty()); }

TEST_CASE("cold reads with 'every' say before the boot how long the machine will be frozen") {
  CHECK(shares(read("a", "10", "cold")) ==
        std::vector<std::string>{
            "step 'look': cold reads with 'every' will freeze the machine for at least 4.9 % of "
            "the time"});
  CHECK_THAT(shares(read("a", "90", "cold"))[0], ContainsSubstring("at least 0.6 %"));
  CHECK_THAT(shares(read("a", "90", "cold"), schema::MemoryMode::FULL)[0],
             ContainsSubstring("at least 36.5 %"));
}

TEST_CASE("adjacent cold reads with one interval share their freezes") {
  const std::string one = read("a", "10", "cold");
  CHECK(shares(one) == shares(one + ", " + read("b", "10", "cold")));
  CHECK(shares(one) != shares(one + ", " + read("b", "11", "cold")));
  CHECK(shares(one) != shares(one + ", (sleepMs = 1), " + read("b", "10", "cold")));
}

TEST_CASE("a scenario that would be frozen half of the time is refused at its place") {
  const auto refusal = [](const std::string& actions, schema::MemoryMode memory) {
    const auto found = frozen_shares(with_actions(actions), memory);
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == ErrorCode::kUsage);
    return found.error();
  };
  const Error error =
      refusal(read("a", "1", "cold") + ",\n" + read("b", "2", "cold"), schema::MemoryMode::FULL);
  CHECK(error.message ==
        "x:2:29: cold reads with 'every' would freeze the machine for at least 98.1 % of the time, "
        "and the limit is 50 %: a freeze takes 51.7 ms or longer");
  CHECK(error.hint == "make 'ms' larger, or read with 'mode = hot'");
  // Together: each of them alone would leave the machine time to run.
  const std::string both = read("a", "1", "cold") + ",\n" + read("b", "1", "cold");
  CHECK(shares(both).size() == 1);
  CHECK_THAT(
      refusal(read("a", "1", "cold") + ", (sleepMs = 1),\n" + read("b", "1", "cold"),
              schema::MemoryMode::SCHED)
          .message,
      ContainsSubstring("x:3:29: cold reads with 'every' would freeze the machine for at least"));
}
