// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/tape/sql.h"
#include "tests/vm/checks/capture_fixture.h"

// Writes to sleeping tasks of a guest whose CPUs are all busy: in about every fifth freeze a
// runqueue is locked. tools/campaign does a thousand of them.
namespace ktape::test {

using schema::EntryStatus;
using schema::Gate;
using schema::Outcome;

namespace {

constexpr size_t kSleepers = 4;
constexpr size_t kRounds = 20;

uint64_t written_in(size_t round) {
  return 1'000'000 + round;
}  // small: whoever has it is scheduled next

std::string op(const std::string& fields, const std::string& tag, const std::string& target,
               const std::string& action) {
  return fmt::format("(op = ({} entry = (tag = \"{}\", target = ({}), {}))),\n", fields, tag,
                     target, action);
}

std::string vtime_of(const std::string& worker) {
  return fmt::format("task = (worker = \"{}\"), path = \"scx.dsq_vtime\"", worker);
}

// A batch of writes to all sleepers, and consistent reads of them and of their locks.
std::string round_of(size_t round) {
  std::string text;
  const std::string write = fmt::format("write = (u64 = {})", written_in(round));
  for (size_t i = 0; i < kSleepers; ++i)
    text +=
        op("", fmt::format("write{}.{}", round, i), vtime_of(fmt::format("sleeper{}", i)), write);
  for (size_t i = 0; i < kSleepers; ++i) {
    const std::string worker = fmt::format("sleeper{}", i);
    text += op("", fmt::format("read{}.{}", round, i), vtime_of(worker),
               "read = u64, consistent = true");
    text +=
        op("", fmt::format("lock{}.{}", round, i),
           fmt::format("task = (worker = \"{}\"), path = \"pi_lock.raw_lock.val.counter\"", worker),
           "read = u32, consistent = true");
  }
  return text;
}

std::string scenario() {
  std::string workers, settle, writes, ends;
  for (size_t i = 0; i < kSleepers; ++i) {
    workers += fmt::format("(name = \"sleeper{}\", cpus = [{}], phases = [(sleepMs = 3600000)]),\n",
                           i, i % 2);
    settle += fmt::format("(wait = (worker = \"sleeper{}\")), ", i);
    ends += fmt::format("(signal = (worker = \"sleeper{}\", signal = 15)), ", i);
  }
  for (size_t round = 0; round < kRounds; ++round) writes += round_of(round);
  // A task that runs all the time is refused, as expected. Alone: the others are batches.
  const std::string expected =
      op("", "before", vtime_of("sleeper0"), "write = (u64 = 1)") +
      op("expect = (refused = offRunqueue),", "running", vtime_of("spin0"), "write = (u64 = 1)") +
      op("", "after", vtime_of("sleeper1"), "write = (u64 = 1)");
  return fmt::format(
      "(name = \"sleeping_writes\", watchdogMs = 300000, scheduler = (vtime = (switchMode = "
      "full)),\n"
      "workers = [{}(name = \"spin0\", cpus = [0], phases = [(spinMs = 3600000)]),\n"
      "(name = \"spin1\", cpus = [1], phases = [(spinMs = 3600000)]),\n"
      "(name = \"roam\", phases = [(spinMs = 3600000)])],\n"
      "steps = [(name = \"settle\", actions = [{}(sleepMs = 500)]),\n(name = \"writes\", actions = "
      "[{}]),\n"
      "(name = \"expected\", actions = [{}]),\n(name = \"ends\", actions = [{}(sleepMs = 3000)])])",
      workers, settle, writes, expected, ends);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "every write to a sleeping task is done although all CPUs are busy, and an "
                 "expected refusal does not fail",
                 "[kvm]") {
  const Captured captured =
      capture_text("sleeping_writes", scenario(), "6.16", {"--memory", "touched"});
  INFO(captured.program.output);
  const TapeFacts& facts = captured.facts;
  CHECK(facts.outcome == Outcome::COMPLETED);
  CHECK(captured.program.exit_status == 0);
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < kSleepers; ++i) {
      const std::string which = fmt::format("{}.{}", round, i);
      INFO(which);
      CHECK(facts.entries.at("write" + which).status == EntryStatus::DONE);
      CHECK(facts.entries.at("read" + which).value == written_in(round));
      CHECK(facts.entries.at("lock" + which).status == EntryStatus::DONE);
      CHECK(facts.entries.at("lock" + which).value == 0);
    }
  }
  CHECK(facts.entries.at("before").status == EntryStatus::DONE);
  CHECK(facts.entries.at("running").status == EntryStatus::REFUSED);
  CHECK(facts.entries.at("running").failed.contains(Gate::OFF_RUNQUEUE));
  CHECK(facts.entries.at("after").status == EntryStatus::DONE);
  // A batch of writes, one of reads for each round, and three separate requests.
  CHECK(facts.requests == 2 * kRounds + 3);
  // To die of a signal a task has to be scheduled.
  CHECK(sql_rows(captured.tape,
                 "SELECT count(*) FROM worker WHERE name LIKE 'sleeper%' AND event = 'killed' "
                 "AND status = 15") == std::vector<std::string>{"4"});
  CHECK(sql_rows(captured.tape, "SELECT count(*) FROM oops") == std::vector<std::string>{"0"});
  CHECK(run_built("ktape-replay", {captured.tape}).exit_status == 0);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
  CHECK(run_built("ktape-assert-gates-complete", {captured.tape}).exit_status == 0);
  CHECK(run_built("ktape-assert-freeze-consistent", {captured.tape}).exit_status == 0);
}

}  // namespace ktape::test
