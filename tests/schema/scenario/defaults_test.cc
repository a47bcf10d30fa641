// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/defaults.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <string_view>

#include "schema/target/target_path.h"
#include "tests/schema/scenario/scenario_texts.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("defaults that the schema names are filled in") {
  auto loaded = parse_scenario("x", scenario("scheduler = (vtime = ()),"));
  REQUIRE(loaded.ok());
  auto read = loaded->get();
  CHECK(read.getWatchdogMs() == 60'000);
  CHECK(read.getBootDeadlineMs() == 0);  // it depends on the accelerator
  CHECK(read.getAgentPriority() == 99);
  CHECK(read.getMachine().getCpus() == 2);
  CHECK(read.getMachine().getMemoryMb() == 512);
  CHECK(read.getScheduler().getVtime().getSliceUs() == 20'000);
  CHECK(read.getScheduler().getVtime().getTimeoutMs() == 30'000);
}

TEST_CASE("a value that is given is not replaced by its default") {
  auto loaded = parse_scenario("x", scenario("machine = (cpus = 4), watchdogMs = 5,"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getMachine().getCpus() == 4);
  CHECK(loaded->get().getWatchdogMs() == 5);
}

TEST_CASE("a wait has a deadline of 30 s by default") {
  auto loaded = parse_scenario("x", with_action("wait = (worker = \"sleeper\")"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getSteps()[0].getActions()[0].getWait().getDeadlineMs() == 30'000);
}

TEST_CASE("a wait for the scheduler's program has a deadline of 30 s by default") {
  auto loaded = parse_scenario("x", with_action("waitProgram = ()"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getSteps()[0].getActions()[0].getWaitProgram().getDeadlineMs() == 30'000);
  CHECK_THAT(complaint(with_action("waitProgram = (deadlineMs = 999999999)")),
             ContainsSubstring("'deadlineMs' is 999999999 ms; the limit is one week"));
}

TEST_CASE("a real-time worker has priority 1 by default") {
  auto loaded = parse_scenario("x", with_worker("policy = fifo"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getWorkers()[0].getPriority() == 1);
}

TEST_CASE("an op is retried for its own time, or the scenario's, or one second") {
  const auto retry_of = [](std::string_view scenario_says, std::string_view op_says) {
    const std::string op = fmt::format(
        "op = ({} entry = (tag = \"t\", target = (symbol = \"jiffies_64\"), read = u64))", op_says);
    const auto loaded = parse_scenario(
        "t", scenario(scenario_says, kWorker, fmt::format("(actions = [({})])", op)));
    REQUIRE(loaded.ok());
    return loaded->get().getSteps()[0].getActions()[0].getOp().getRetryMs();
  };
  CHECK(retry_of("", "") == 1000);
  CHECK(retry_of("retryMs = 30,", "") == 30);
  CHECK(retry_of("retryMs = 30,", "retryMs = 0,") == 0);
  CHECK(retry_of("watchdogMs = 500,", "") == 1000);
}

TEST_CASE("target paths are parsed into steps") {
  auto loaded = parse_scenario("x", with_op(kTask, "read = u64"));
  REQUIRE(loaded.ok());
  auto target = loaded->get().getSteps()[0].getActions()[0].getOp().getEntry().getTarget();
  auto steps = read_steps(target);
  REQUIRE(steps.ok());
  CHECK(steps.value() == std::vector<PathStep>{MemberStep{"scx"}, MemberStep{"dsq_vtime"}});
}

TEST_CASE("a target path that does not parse is refused at its place") {
  CHECK_THAT(
      complaint(with_op("task = (worker = \"sleeper\"), path = \"scx..vtime\"", "read = u64")),
      ContainsSubstring("x:6:87: ") && ContainsSubstring("scx..vtime"));
}

TEST_CASE("the author of a scenario cannot set the steps of a target") {
  CHECK_THAT(complaint(with_op("symbol = \"jiffies_64\", steps = []", "read = u64")),
             ContainsSubstring("'steps' is set by ktape"));
}

}  // namespace ktape::test
