// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/series.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <string_view>

#include "tests/schema/scenario/scenario_texts.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

std::string op(std::string_view target, std::string_view value, std::string_view more = "") {
  return fmt::format("(op = ({} entry = (tag = \"t\", target = ({}), {})))", more, target, value);
}

// The complaint about a scenario whose only step has these actions, one a line from line 5 on.
std::string in_step(std::string_view actions, std::string_view extra = "") {
  return complaint(scenario(extra, kWorker, fmt::format("(actions = [\n{}\n])", actions)));
}

std::string two(const std::string& one, const std::string& other) {
  return in_step(one + ",\n" + other);
}

// An op with `every`, before a sleep of a second.
std::string every(std::string_view fields, std::string_view target = "symbol = \"a\"",
                  std::string_view value = "read = u64",
                  std::string_view then = "(sleepMs = 1000)") {
  return in_step(op(target, value, fields) + ",\n" + std::string(then), "durationMs = 1000,");
}

constexpr char kA[] = "symbol = \"a\"";

}  // namespace

TEST_CASE("a tag may repeat for one target and one kind of value") {
  CHECK(two(op(kA, "read = u64"), op(kA, "read = u64")) == "no error");
  CHECK(two(op(kTask, "write = (u64 = 1)"), op(kTask, "write = (u64 = 2)")) == "no error");
  // However it is read.
  CHECK(two(op(kA, "read = u64"), op(kA, "read = u64", "mode = hot,")) == "no error");
}

TEST_CASE("a tag that repeats with another target is refused with both places") {
  const std::string said = two(op(kA, "read = u64"), op("symbol = \"b\"", "read = u64"));
  CHECK_THAT(said,
             ContainsSubstring("x:7:24: the tag 't' is used already, at 6:24, for another target"));
  CHECK_THAT(two(op(kTask, "read = u64"),
                 op("task = (worker = \"sleeper\"), path = \"scx.slice\"", "read = u64")),
             ContainsSubstring("for another target"));
}

TEST_CASE("a tag that repeats with another kind of value is refused") {
  CHECK_THAT(two(op(kA, "read = u64"), op(kA, "read = u32")),
             ContainsSubstring("for another kind of value"));
  CHECK_THAT(two(op(kTask, "read = u64"), op(kTask, "write = (u64 = 1)")),
             ContainsSubstring("for another kind of value"));
  CHECK_THAT(two(op(kTask, "write = (u64 = 1)"), op(kTask, "write = (u32 = 1)")),
             ContainsSubstring("for another kind of value"));
  CHECK_THAT(two(op(kA, "read = bytes, length = 2"), op(kA, "read = bytes, length = 3")),
             ContainsSubstring("for another kind of value"));
}

TEST_CASE("a tag may repeat in another step") {
  const std::string step = fmt::format("(actions = [{}])", op(kA, "read = u64"));
  CHECK(complaint(scenario("", kWorker, step + ", " + step)) == "no error");
}

TEST_CASE("an op with 'every' is hot unless its mode is given") {
  const auto mode = [](std::string_view fields) {
    const LoadedScenario loaded = must(parse_scenario(
        "x",
        scenario("", kWorker,
                 fmt::format("(actions = [{}, (sleepMs = 9)])", op(kA, "read = u64", fields)))));
    return loaded.get().getSteps()[0].getActions()[0].getOp().getMode();
  };
  CHECK(mode("every = (ms = 5),") == schema::OpMode::HOT);
  CHECK(mode("every = (ms = 5), mode = cold,") == schema::OpMode::COLD);
  CHECK(mode("") == schema::OpMode::COLD);
}

TEST_CASE("'every' needs a time of at least 1 ms") {
  CHECK_THAT(every("every = (),"), ContainsSubstring("'every' needs 'ms', at least 1"));
  CHECK_THAT(every("every = (ms = 0),"), ContainsSubstring("'every' needs 'ms', at least 1"));
  CHECK(every("every = (ms = 1),") == "no error");
}

TEST_CASE("a write with 'every' is refused with the reason") {
  CHECK_THAT(
      every("every = (ms = 5),", kTask, "write = (u64 = 1)"),
      ContainsSubstring("'every' is for reads only: writes at intervals would change the run "
                        "at moments that the scenario does not choose"));
}

TEST_CASE("what cannot be read hot needs a mode with 'every', and the hint says so") {
  CHECK_THAT(every("every = (ms = 5),", kTask),
             ContainsSubstring("with 'mode = cold' the machine is frozen for each value"));
  CHECK(every("every = (ms = 5), mode = cold,", kTask) == "no error");
}

TEST_CASE("an op with 'every' expects no refusal") {
  CHECK_THAT(every("every = (ms = 5), mode = cold, expect = (refused = alive),", kTask),
             ContainsSubstring("an op with 'every' cannot expect a refusal"));
}

TEST_CASE("the step of an op with 'every' has to go on for an interval") {
  CHECK_THAT(in_step(op(kA, "read = u64", "every = (ms = 5),")),
             ContainsSubstring("what follows takes 0 ms"));
  CHECK_THAT(in_step("(sleepMs = 9),\n" + op(kA, "read = u64", "every = (ms = 5),")),
             ContainsSubstring("what follows takes 0 ms"));
  CHECK_THAT(every("every = (ms = 1001),"),
             ContainsSubstring("which is before 1001 ms have passed: what follows takes 1000 ms"));
  for (const char* then :
       {"(hold = void)", "(wait = (worker = \"sleeper\"))", "(waitProgram = ())"})
    CHECK(every("every = (ms = 1000),", kA, "read = u64", then) == "no error");
}

TEST_CASE("the number of reads by 'every' is bounded, over all steps") {
  const auto reads = [](int sleep_ms, int also_ms) {
    const auto step = [](int ms) {
      return fmt::format("(actions = [{}, (sleepMs = {})])",
                         op(kA, "read = u64", "every = (ms = 1),"), ms);
    };
    return complaint(
        scenario("watchdogMs = 100000,", kWorker, step(sleep_ms) + ",\n" + step(also_ms)));
  };
  CHECK(reads(40'000, 9'998) == "no error");
  CHECK_THAT(reads(40'000, 9'999),
             ContainsSubstring("x:6:28: there may be 50001 reads by 'every' up to here"));
}

}  // namespace ktape::test
