// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

using schema::EntryStatus;

struct Op {
  bool write = true;
  EntryStatus status = EntryStatus::DONE;
  std::string reason;
  uint16_t fails = 0;  // the gate that fails
  uint16_t leave_out = 0;
  uint16_t swap = 0;  // this gate and the next one change places
  bool enforce_all = true;
  uint32_t attempt = 0;  // 0: a recorder that tried once
};

void gate(TapeUnderTest& tape, uint64_t op, uint16_t number, const Op& how) {
  tape->add([&](schema::Record::Builder record) {
    bool identity = number == 1 || number == 2 || number == 3 || number == 8;
    auto checked = record.initGateChecked();
    checked.setOp(op);
    checked.setGate(static_cast<schema::Gate>(number));
    checked.setTry(how.attempt);
    checked.setFreeze(how.attempt);
    checked.setEnforced(how.enforce_all || identity);
    checked.setOutcome(number == how.fails ? schema::GateOutcome::FAILED
                                           : schema::GateOutcome::PASSED);
  });
}

// A request of one entry on a task, its gates and its reply.
void record(TapeUnderTest& tape, uint64_t op, const Op& how) {
  TapeEntry entry{.tag = "vtime", .target = task_target("sleeper", 57, 1, "scx.dsq_vtime")};
  if (how.write) entry.write = 5;
  tape->request({entry});
  for (uint16_t number = 1; number <= 12; ++number) {
    if (number == how.leave_out) continue;
    if (how.swap != 0 && number == how.swap + 1) {
      gate(tape, op, how.swap, how);
    } else {
      gate(tape, op, number == how.swap ? number + 1 : number, how);
    }
  }
  tape->add([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(op);
    auto got = reply.initEntries(1)[0];
    got.setStatus(how.status);
    got.setReason(how.reason);
  });
}

}  // namespace

TEST_CASE("a write whose gates all passed, and one that a gate refused, pass") {
  TapeUnderTest tape;
  record(tape, 1, {});
  record(tape, 2,
         {.status = EntryStatus::REFUSED, .reason = "gate 4 (offRunqueue) refuses", .fails = 4});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() == "seq 28: 2 ops on tasks have all 12 gates, 1 of the ops was refused\n");
}

TEST_CASE("a read observes most gates: one of them may fail, one of its identity may not") {
  TapeUnderTest tape;
  record(tape, 1, {.write = false, .fails = 4, .enforce_all = false});
  record(tape, 2, {.write = false, .fails = 2, .enforce_all = false});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 28: 'vtime' was not refused, though gate 2 (seq 17) did not pass\n");
}

TEST_CASE("a missing gate is violated by the reply") {
  TapeUnderTest tape;
  record(tape, 1, {.leave_out = 12});
  tape.evaluate();
  CHECK(tape.violated() == "seq 13: 'vtime' has 11 gates of 12 on the tape\n");
}

TEST_CASE("gates out of order are violated") {
  TapeUnderTest tape;
  record(tape, 1, {.swap = 6});
  tape.evaluate();
  CHECK(tape.violated() == "seq 7: 'vtime': found gate 7, expected gate 6\n");
}

TEST_CASE("a write that was done although a gate failed is violated") {
  TapeUnderTest tape;
  record(tape, 1, {.fails = 11});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 14: 'vtime' was not refused, though gate 11 (seq 12) did not pass\n");
}

TEST_CASE("a refusal that names a gate is violated where every gate passed, one by type is not") {
  TapeUnderTest tape;
  record(tape, 1, {.status = EntryStatus::REFUSED, .reason = "gate 4 (offRunqueue) refuses"});
  record(tape, 2, {.status = EntryStatus::REFUSED, .reason = "got u64, expected u32"});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 14: 'vtime' was refused though every enforced gate passed: gate 4 (offRunqueue) "
        "refuses\n");
  CHECK(tape.notes() ==
        "seq 28: 'vtime' was refused by a check that is not a gate: got u64, expected u32\n");
}

TEST_CASE(
    "a gate that a write only observes is violated, one that a read enforces in addition is not") {
  TapeUnderTest read;
  record(read, 1, {.write = false, .enforce_all = true});
  read.evaluate();
  CHECK(read.verdict() == Verdict::kPass);
  TapeUnderTest write;
  record(write, 1, {.enforce_all = false});
  write.evaluate();
  CHECK_THAT(write.violated(), ContainsSubstring("seq 5: 'vtime': gate 4 was not enforced\n"));
}

TEST_CASE("a gate of a request that is not on the tape is violated") {
  TapeUnderTest tape;
  gate(tape, 9, 1, {});
  tape.evaluate();
  CHECK(tape.violated() == "seq 1: a gate of request 9, which was not waiting for a reply\n");
}

TEST_CASE(
    "ops on other targets, and a tape that ends before the reply, are inconclusive for gates") {
  TapeUnderTest tape;
  tape->op({{.tag = "ticks", .target = symbol_target("jiffies_64")}});
  tape->request({{.tag = "v", .target = task_target("s", 5, 1, "pid")}});
  tape.evaluate_salvaged();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no answered cold op on a task\n");
}

namespace {

constexpr uint16_t kConsistent = 13;

// A request with one try per element: the gates that failed in each.
void record_tries(TapeUnderTest& tape, const std::vector<std::vector<uint16_t>>& failing,
                  uint32_t told_tries) {
  TapeEntry entry{.tag = "vtime", .target = task_target("sleeper", 57, 1, "scx.dsq_vtime")};
  entry.write = 5;
  tape->request({entry});
  for (uint32_t i = 0; i < failing.size(); ++i) {
    for (uint16_t number = 1; number <= 12; ++number) {
      const bool fails = std::ranges::find(failing[i], number) != failing[i].end();
      gate(tape, 1, number, {.fails = fails ? number : uint16_t{0}, .attempt = i + 1});
    }
  }
  tape->add([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    reply.setFreeze(failing.size());
    reply.setTries(told_tries);
    auto got = reply.initEntries(1)[0];
    got.setStatus(failing.back().empty() ? EntryStatus::DONE : EntryStatus::REFUSED);
    got.setReason(failing.back().empty() ? "" : "gate refuses");
  });
}

}  // namespace

TEST_CASE("a write that was done at its third try, after two that a lock refused, passes") {
  TapeUnderTest tape;
  record_tries(tape, {{11}, {11}, {}}, 3);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK_THAT(tape.confirmed(), ContainsSubstring("; 2 earlier tries, each refused for a moment\n"));
}

TEST_CASE("a try that nothing refused, or that something refused for good, had to be the last") {
  TapeUnderTest tape;
  SECTION("nothing") {
    record_tries(tape, {{}, {}}, 2);
    tape.evaluate();
    CHECK_THAT(tape.violated(),
               ContainsSubstring("try 1 of request 1 was not the last, though no gate refused it"));
  }
  SECTION("for good, behind one that passes") {
    record_tries(tape, {{4, 7}, {}}, 2);
    tape.evaluate();
    CHECK_THAT(
        tape.violated(),
        ContainsSubstring("try 1 of request 1 was refused by gate 7, whose refusal is final"));
  }
  SECTION("for good") {
    record_tries(tape, {{7}, {}}, 2);
    tape.evaluate();
    CHECK_THAT(
        tape.violated(),
        ContainsSubstring("try 1 of request 1 was refused by gate 7, whose refusal is final"));
  }
}

TEST_CASE("missing tries, and more tries than in the reply, are violations") {
  TapeUnderTest tape;
  SECTION("missing") {
    record_tries(tape, {{11}, {}}, 3);
    tape.evaluate();
    CHECK_FALSE(tape.violated().empty());
  }
  SECTION("more") {
    record_tries(tape, {{11}, {}}, 1);
    tape.evaluate();
    CHECK_THAT(tape.violated(),
               ContainsSubstring("request 1 was tried 1 times, but has gates of try 2"));
  }
}

TEST_CASE("a consistent read of any target has gate 13, and is refused where it did not pass") {
  TapeUnderTest tape;
  const bool refused = GENERATE(true, false);
  tape->add([](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(1);
    auto entry = request.initEntries(1)[0];
    entry.setTag("running");
    entry.setConsistent(true);
    entry.initTarget().initPerCpu().setSymbol("runqueues");
  });
  gate(tape, 1, kConsistent, {.fails = kConsistent, .attempt = 1});
  tape->add([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    reply.setFreeze(1);
    reply.setTries(1);
    reply.initEntries(1)[0].setStatus(refused ? EntryStatus::REFUSED : EntryStatus::DONE);
  });
  tape.evaluate();
  CHECK(tape.violated().empty() == refused);
}

}  // namespace ktape::test
