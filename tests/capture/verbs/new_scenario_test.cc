// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/new_scenario.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/base/file.h"
#include "schema/scenario/load.h"
#include "tests/support/must.h"

namespace ktape {

namespace {

std::string shipped_template() {
  const std::string path = KTAPE_SOURCE_DIR "/guest/scenarios/template.scenario.in";
  return test::must(read_text_file(path, 1 << 20));
}

}  // namespace

TEST_CASE("what ktape init writes is a scenario of that name, with a comment above every part") {
  const std::string text = scenario_text(shipped_template(), "mine-2.1");
  CHECK(text.starts_with("# mine-2.1: a scenario to start from.\n"));
  CHECK(text.find('@') == std::string::npos);
  const LoadedScenario scenario = test::must(parse_scenario("mine-2.1.scenario", text));
  CHECK(scenario.get().getName() == "mine-2.1");
  for (const char* part : {"name", "durationMs", "machine", "scheduler", "workers", "steps"}) {
    INFO(part);
    const size_t at = text.find("\n  " + std::string(part) + " = ");
    REQUIRE(at != std::string::npos);
    const size_t before = text.rfind('\n', at - 1);
    const std::string line = text.substr(before + 1, at - before - 1);
    CHECK((line.starts_with("  #") || line.starts_with("  name =")));
  }
}

TEST_CASE("a name is taken with and without the suffix of scenarios") {
  CHECK(*new_scenario_name("mine") == "mine");
  CHECK(*new_scenario_name("mine.scenario") == "mine");
}

TEST_CASE("a name that no scenario can have is refused, and a path is recognised") {
  for (const char* name : {"", ".scenario", "a b", "-x", ".x", "\xff", "a\n"}) {
    INFO(name);
    const Result<std::string> refused = new_scenario_name(name);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kUsage);
    CHECK(refused.error().hint.starts_with("use at most 100 letters"));
  }
  CHECK(new_scenario_name("folder/mine").error().hint.starts_with("give a name and not a path"));
  CHECK_FALSE(new_scenario_name(std::string(101, 'a')).ok());
}

}  // namespace ktape
