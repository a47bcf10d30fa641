// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

void began(TapeUnderTest& tape, uint64_t id) {
  tape->add([&](schema::Record::Builder record) { record.initFreezeBegan().setFreeze(id); });
}
void stood(TapeUnderTest& tape, uint64_t id) {
  tape->add([&](schema::Record::Builder record) { record.initFrozen().setFreeze(id); });
}
void ended(TapeUnderTest& tape, uint64_t id) {
  tape->add([&](schema::Record::Builder record) { record.initThawed().setFreeze(id); });
}
void whole(TapeUnderTest& tape, uint64_t id) {
  began(tape, id);
  stood(tape, id);
  ended(tape, id);
}

}  // namespace

TEST_CASE("freezes one after another pass") {
  TapeUnderTest tape;
  whole(tape, 1);
  whole(tape, 2);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() == "seq 6: 2 freezes, each with its beginning and end\n");
}

TEST_CASE("one freeze is reported in the singular") {
  TapeUnderTest tape;
  whole(tape, 1);
  tape.evaluate();
  CHECK(tape.confirmed() == "seq 3: 1 freeze, with its beginning and end\n");
}

TEST_CASE("a freeze within a freeze is violated") {
  TapeUnderTest tape;
  began(tape, 1);
  stood(tape, 1);
  whole(tape, 2);
  ended(tape, 1);
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 3: freeze 2 began while freeze 1 (seq 1) was in progress\n"
        "seq 6: freeze 1 ended while it was not in progress\n");
}

TEST_CASE("a freeze that was never frozen, or frozen twice, is violated") {
  TapeUnderTest tape;
  began(tape, 1);
  ended(tape, 1);
  began(tape, 2);
  stood(tape, 2);
  stood(tape, 2);
  ended(tape, 2);
  tape.evaluate();
  CHECK(
      tape.violated() ==
      "seq 2: freeze 1 ended without being frozen\nseq 5: freeze 2 was already frozen at seq 4\n");
}

TEST_CASE("a gap in the numbers of freezes is violated") {
  TapeUnderTest tape;
  whole(tape, 1);
  whole(tape, 3);
  tape.evaluate();
  CHECK(tape.violated() == "seq 4: freeze 3 follows freeze 1\n");
}

TEST_CASE("a freeze that is left open by a run that completed is violated") {
  TapeUnderTest tape;
  began(tape, 1);
  tape.evaluate();
  CHECK(tape.violated() == "seq 1: freeze 1 has no end\n");
}

TEST_CASE("a freeze in which the machine or the recorder was lost is inconclusive") {
  TapeUnderTest lost;
  began(lost, 1);
  lost.evaluate(schema::Outcome::MACHINE_LOST, -1);
  CHECK(lost.verdict() == Verdict::kInconclusive);
  CHECK(lost.undecided() == "seq 1: freeze 1 has no end: the run or its recorder ended in it\n");

  TapeUnderTest truncated;
  whole(truncated, 1);
  began(truncated, 2);
  truncated.evaluate_salvaged();
  CHECK(truncated.verdict() == Verdict::kInconclusive);
  CHECK_THAT(truncated.undecided(), ContainsSubstring("seq 4: freeze 2 has no end"));
}

TEST_CASE("a tape without a freeze is inconclusive for the order of freezes") {
  TapeUnderTest tape;
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no freeze\n");
}

}  // namespace ktape::test
