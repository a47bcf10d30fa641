// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <iterator>
#include <random>
#include <vector>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

FillTarget vtime_of(int32_t pid, uint64_t start_ns = 1000) {
  return task_target("sleeper", pid, start_ns, "scx.dsq_vtime");
}

TapeEntry read(uint64_t value, FillTarget target = vtime_of(57)) {
  return {.tag = "vtime", .target = std::move(target), .value = value};
}

TapeEntry write(uint64_t value) {
  return {.tag = "set", .target = vtime_of(57), .write = value, .value = value};
}

TapeEntry read_with_gate(uint64_t value, schema::Gate gate, schema::GateOutcome outcome,
                         const char* seen) {
  TapeEntry entry = read(value);
  entry.gates = {{schema::Gate::PID, schema::GateOutcome::PASSED, ""}, {gate, outcome, seen}};
  return entry;
}

TapeEntry read_outside(uint64_t value, schema::Gate gate = schema::Gate::ENABLED) {
  return read_with_gate(value, gate, schema::GateOutcome::FAILED, "state=SCX_TASK_READY");
}

}  // namespace

TEST_CASE("a vtime that is read at or after what was written passes") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({write(100)});
  tape->op({read(100)});
  tape->op({read(101)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() ==
        "seq 11: task 'sleeper' (pid 57): 100 read, at or after every value before it\n"
        "seq 16: task 'sleeper' (pid 57): 101 read, at or after every value before it\n");
}

TEST_CASE("a vtime that is read before what was written is violated by both replies") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({write(100)});
  tape->op({read(93)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 11: task 'sleeper' (pid 57): 93 read, 7 before 100 written at seq 6\n");
}

TEST_CASE("a vtime that goes back between two reads is violated, also within one reply") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100), read(99)});
  tape.evaluate();
  CHECK(tape.violated() == "seq 6: task 'sleeper' (pid 57): 99 read, 1 before 100 read at seq 6\n");
}

TEST_CASE("a vtime that falls below any earlier value is violated, not only below the last") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100)});
  tape->op({write(50)});
  tape->op({read(60)});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 16: task 'sleeper' (pid 57): 60 read, 40 before 100 read at seq 6\n");
}

TEST_CASE("a vtime that goes on beyond the largest u64 passes") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(UINT64_MAX - 1)});
  tape->op({read(5)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a vtime that goes back beyond 0 is violated") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(5)});
  tape->op({read(UINT64_MAX)});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 11: task 'sleeper' (pid 57): 18446744073709551615 read, 6 before 5 read at seq 6\n");
}

TEST_CASE("a distance of exactly 2^63 counts as before, as a signed difference does") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(0)});
  tape->op({read(uint64_t{1} << 63)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
}

TEST_CASE("the value that a write replaced is compared with the values before it") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100)});
  TapeEntry entry = write(200);
  entry.before = 90;
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 11: task 'sleeper' (pid 57): 90 found by a write, 10 before 100 read at seq 6\n");
}

TEST_CASE("an overwritten value bounds nothing that comes after it") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  TapeEntry entry = write(50);
  entry.before = 100;
  tape->op({entry});
  tape->op({read(50)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a refused write changes nothing") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  TapeEntry refused = write(1000);
  refused.status = schema::EntryStatus::REFUSED;
  tape->op({read(5)});
  tape->op({refused});
  tape->op({read(6)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("tasks are told apart by pid and by start time") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100, vtime_of(57, 1000))});
  tape->op({read(10, vtime_of(57, 2000))});
  tape->op({read(20, vtime_of(58, 1000))});
  tape->op({read(101, vtime_of(57, 1000))});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("another attachment of a scheduler starts afresh") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100), read(100)});
  tape->scheduler_exited(1);
  tape->scheduler_attached(1);
  tape->op({read(10)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a value read while the task was not under the scheduler is not judged, and said so") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100)});
  tape->op({read(101), read_outside(0)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK_THAT(
      tape.ktap(),
      ContainsSubstring("# note, seq 13: not judged, the task was not under the scheduler: gate 12 "
                        "(enabled) observed state=SCX_TASK_READY (seq 11)\n"));
}

TEST_CASE("any of the gates for class, policy and enabled puts a value outside of the attachment") {
  auto gate = GENERATE(schema::Gate::SCHED_CLASS, schema::Gate::POLICY, schema::Gate::ENABLED);
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100)});
  tape->op({read_outside(0, gate)});
  tape->op({read(100)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a value read outside of the attachment bounds nothing that comes after it") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(50)});
  tape->op({read_outside(100)});
  tape->op({read(60)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a task that is back under the scheduler is compared with its values before it left") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100)});
  tape->op({read_outside(0)});
  tape->op({read(40)});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 18: task 'sleeper' (pid 57): 40 read, 60 before 100 read at seq 6\n");
}

TEST_CASE("a tape whose only comparable value was read outside of the attachment is inconclusive") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100)});
  tape->op({read_outside(0)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(
      tape.undecided() ==
      "seq 0: no task has two values under one attachment to compare while under the scheduler\n");
}

TEST_CASE(
    "a gate that was not evaluated, and one that says nothing about membership, excuse nothing") {
  auto outcome = GENERATE(schema::GateOutcome::NOT_EVALUATED, schema::GateOutcome::PASSED);
  for (const TapeEntry& second :
       {read_with_gate(0, schema::Gate::ENABLED, outcome, "not mapped"),
        read_with_gate(0, schema::Gate::OFF_RUNQUEUE, schema::GateOutcome::FAILED, "on_rq=1")}) {
    TapeUnderTest tape;
    tape->scheduler_attached(1);
    tape->op({read(100)});
    tape->op({second});
    tape.evaluate();
    CHECK(tape.verdict() == Verdict::kFail);
  }
}

TEST_CASE("the gates of one entry do not excuse another one") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(100)});
  tape->op({read_outside(0), read(0)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
}

TEST_CASE("a scheduler that does not declare that its vtime grows leaves it undecided") {
  TapeUnderTest tape;
  tape->scheduler_attached(1, schema::VtimeSemantics::NOT_DECLARED);
  tape->op({write(100)});
  tape->op({read(50)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(),
             ContainsSubstring("scheduler 'ktape_vtime' (seq 1) does not declare"));
}

TEST_CASE("a vtime read with no scheduler attached is undecided") {
  TapeUnderTest tape;
  tape->op({read(1), read(2)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(), ContainsSubstring("no scheduler was attached"));
}

TEST_CASE("a vtime read with two schedulers attached is undecided") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->scheduler_attached(2);
  tape->op({read(1), read(2)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(), ContainsSubstring("2 schedulers were attached"));
}

TEST_CASE("a read that did not succeed is undecided, with its reason") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  TapeEntry failed = read(0);
  failed.status = schema::EntryStatus::REFUSED;
  failed.reason = "gate 2";
  tape->op({failed});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 6: the read as 'vtime' was refused: gate 2\n");
}

TEST_CASE("a single value has nothing to be compared with") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({read(1)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(), ContainsSubstring("no task has two values under one attachment"));
}

TEST_CASE("a tape without a request for vtime is inconclusive and names the tags it has") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->op({{.tag = "slice", .target = task_target("w", 1, 1, "scx.slice"), .value = 1}});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() ==
        "seq 0: the tape has no request for scx.dsq_vtime of a task; tags found: 'slice'\n");
}

TEST_CASE("of very many findings the first are kept and shown, and all are counted") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  constexpr uint64_t kReads = 3000;
  for (uint64_t i = 0; i < kReads; ++i) tape->op({read(i)});
  tape->op({read(7)});
  tape.evaluate();
  const Findings& confirmed = tape.assertion().confirmed();
  CHECK(confirmed.count() == kReads - 1);
  CHECK(confirmed.first().size() == Findings::kKept);
  CHECK_THAT(tape.ktap(),
             ContainsSubstring("20 read, at or after every value before it\n# and 2979 more\n"));
  CHECK_THAT(tape.ktap(), !ContainsSubstring(" 21 read"));
  CHECK_THAT(
      tape.ktap(),
      ContainsSubstring("violated, seq 15006: task 'sleeper' (pid 57): 7 read, 2992 before 2999"));
}

TEST_CASE(
    "a few values of a task tell as much as all of them, wherever they are on the circle of "
    "numbers") {
  constexpr uint64_t kHalf = uint64_t{1} << 63;
  constexpr uint64_t kSteps[] = {0,     1,         kHalf / 2,         kHalf - 1,
                                 kHalf, kHalf + 1, kHalf + kHalf / 2, ~uint64_t{0}};
  std::mt19937_64 random(57);
  for (int round = 0; round < 40; ++round) {
    TapeUnderTest tape;
    tape->scheduler_attached(1);
    std::vector<uint64_t> seen;
    size_t violated = 0;
    uint64_t value = random();
    for (int i = 0; i < 12; ++i) {
      // The first steps of most rounds are small: half a circle holds them all.
      value += i < round % 12 ? random() % 5 - 2 : kSteps[random() % std::size(kSteps)];
      const bool ahead = std::ranges::any_of(
          seen, [&](uint64_t other) { return static_cast<int64_t>(value - other) < 0; });
      violated += ahead ? 1 : 0;
      seen.push_back(value);
      tape->op({read(value)});
    }
    tape.evaluate();
    INFO("round " << round);
    CHECK(tape.assertion().violated().count() == violated);
  }
}

}  // namespace ktape::test
