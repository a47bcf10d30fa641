// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/vm/capture_fixture.h"

// What can be read of a run afterwards that kept less than the memory of the scheduler. `sched`, the default,
// is looked at in capture_test.cc, `full` in core_test.cc.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr char kVtime[] = "task:sleeper.scx.dsq_vtime";
constexpr char kWritten[] = "2592000000000000";  // by the scenario, in its first freeze
constexpr char kTasks[] = "(struct task_struct)init_task.tasks{list struct task_struct tasks 1000}.comm";

ChildResult read_at(const Captured& captured, const std::string& freeze, const std::string& target) {
  return run_built("ktape-read", {captured.tape, "--at", freeze, target});
}

void check_value(const Captured& captured, const std::string& target, const std::string& value) {
  const ChildResult read = read_at(captured, "freeze:last", target);
  INFO(read.output);
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, StartsWith(target + " = " + value + "\n"));
}

// Not a zero, and not half a list either.
void check_not_captured(const Captured& captured, const std::string& target) {
  const ChildResult read = read_at(captured, "freeze:last", target);
  INFO(read.output);
  CHECK(read.exit_status == 77);
  CHECK_THAT(read.output, StartsWith(target + ": not captured\n"));
}

void check_replies(const Captured& captured) {
  REQUIRE(captured.program.exit_status == 0);
  const auto& entries = captured.facts.entries;
  CHECK(entries.at("verify_dsq_vtime").value == std::stoull(kWritten));
  CHECK(entries.at("verify_jiffies_64").value > 0);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "with --memory touched what ops looked at is read and replayed, and nothing else is there") {
  const Captured captured = capture("cold_path_roundtrip", "6.16.12", {"--memory", "touched"});
  INFO(captured.program.output);
  check_replies(captured);
  check_value(captured, kVtime, kWritten);
  check_value(captured, "jiffies_64:u64",
              std::to_string(captured.facts.entries.at("verify_jiffies_64").value));
  // As it was before the write, which was served in the first.
  const ChildResult before = read_at(captured, "freeze:1", kVtime);
  CHECK(before.exit_status == 0);
  CHECK_THAT(before.output, !ContainsSubstring(kWritten));

  check_not_captured(captured, "task:sleeper.mm->mmap_base");
  check_not_captured(captured, kTasks);

  const ChildResult replay = run_built("ktape-replay", {captured.tape});
  INFO(replay.output);
  CHECK(replay.exit_status == 0);
  CHECK_THAT(replay.output, StartsWith("2 of 2 cold requests replayed: nothing differs\n"));
}

TEST_CASE_METHOD(CaptureFixture, "with --memory none the replies are on the tape, and no memory is") {
  const Captured captured = capture("cold_path_roundtrip", "6.16.12", {"--memory", "none"});
  INFO(captured.program.output);
  check_replies(captured);
  for (const char* freeze : {"freeze:1", "freeze:last"}) {
    for (const char* target : {kVtime, "jiffies_64:u64", "cpu0:runqueues.nr_running", kTasks}) {
      const ChildResult read = read_at(captured, freeze, target);
      INFO(read.output);
      CHECK(read.exit_status == 77);
      CHECK_THAT(read.output, !ContainsSubstring(" = "));
    }
  }
  const ChildResult replay = run_built("ktape-replay", {captured.tape});
  CHECK(replay.exit_status == 77);
  CHECK_THAT(replay.output,
             ContainsSubstring("2 requests: not replayed: no memory of the freeze was kept\n"));
}

}  // namespace ktape::test
