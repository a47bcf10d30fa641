// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

TapeEntry got(uint64_t value, const std::string& tag = "nr") {
  return {.tag = tag, .target = symbol_target("jiffies_64"), .value = value};
}

// The verdict on a tape with this one value.
Verdict verdict(uint64_t value, const std::string& op, const std::string& to) {
  TapeUnderTest tape;
  tape.give("--tag", "nr");
  tape.give("--op", op);
  tape.give("--to", to);
  tape->op({got(value), got(~uint64_t{0} - value, "other")});
  tape.evaluate();
  return tape.verdict();
}

}  // namespace

TEST_CASE("each comparison holds where it should and nowhere else") {
  const std::string below = "4";
  const std::string same = "5";
  const std::string above = "6";
  auto holds = [](const std::string& op, const std::string& to) {
    return verdict(5, op, to) == Verdict::kPass;
  };
  CHECK((!holds("==", below) && holds("==", same) && !holds("==", above)));
  CHECK((holds("!=", below) && !holds("!=", same) && holds("!=", above)));
  CHECK((!holds("<", below) && !holds("<", same) && holds("<", above)));
  CHECK((!holds("<=", below) && holds("<=", same) && holds("<=", above)));
  CHECK((holds(">", below) && !holds(">", same) && !holds(">", above)));
  CHECK((holds(">=", below) && holds(">=", same) && !holds(">=", above)));
}

TEST_CASE("values are unsigned, of all 64 bits") {
  CHECK(verdict(18446744073709551615U, ">", "9223372036854775807") == Verdict::kPass);
  CHECK(verdict(18446744073709551615U, "==", "0xffffffffffffffff") == Verdict::kPass);
  CHECK(verdict(9007199254740993U, "==", "9007199254740992") == Verdict::kFail);
}

TEST_CASE("a value that does not compare is violated by its reply") {
  TapeUnderTest tape;
  tape.give("--tag", "nr");
  tape.give("--op", "<=");
  tape.give("--to", "8");
  tape->op({got(8)});
  tape->op({got(9)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() == "seq 10: 'nr' (no. 2) is 9, not <= 8\n");
  CHECK(tape.confirmed() == "seq 5: 'nr' is 8\n");
}

TEST_CASE("each value of a series is compared, and those that do not hold are named and counted") {
  TapeUnderTest tape;
  tape.give("--tag", "nr");
  tape.give("--op", "<");
  tape.give("--to", "30");
  for (const uint64_t value : {7, 31, 29, 30, 8}) tape->op({got(value)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 10: 'nr' (no. 2) is 31, not < 30\nseq 20: 'nr' (no. 4) is 30, not < 30\n");
  CHECK(tape.notes() == "seq 0: of 5 values of 'nr', 2 are not < 30\n");
}

TEST_CASE("a series whose values all hold passes, and one that was not read is inconclusive") {
  TapeUnderTest tape;
  tape.give("--tag", "nr");
  tape.give("--op", "<");
  tape.give("--to", "30");
  for (const uint64_t value : {7, 8, 9}) tape->op({got(value)});
  TapeEntry failed = got(1);
  failed.status = schema::EntryStatus::FAILED;
  failed.reason = "not mapped";
  tape->op({failed});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 20: the read as 'nr' failed: not mapped (no. 4)\n");
  CHECK(tape.notes().empty());
}

TEST_CASE("each value of a list is compared") {
  TapeUnderTest tape;
  tape.give("--tag", "pids");
  tape.give("--op", "<");
  tape.give("--to", "100");
  tape->request({got(0, "pids")});
  tape->add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    auto entry = reply.initEntries(1)[0];
    entry.setStatus(schema::EntryStatus::DONE);
    auto list = entry.initValue().initList(2);
    list[0].setU32(7);
    list[1].setU32(100);
  });
  tape.evaluate();
  CHECK(tape.violated() == "seq 2: 'pids' is 100, not < 100\n");
}

TEST_CASE("an argument that is not a comparison or not a number is a mistake") {
  TapeUnderTest tape;
  CHECK_FALSE(tape.give("--op", "=>"));
  CHECK_FALSE(tape.give("--to", ""));
  CHECK_FALSE(tape.give("--to", "0x"));
  CHECK_FALSE(tape.give("--to", "12a"));
}

TEST_CASE("a tape without the tag is inconclusive and names those that it has") {
  TapeUnderTest tape;
  tape.give("--tag", "rn");
  tape->op({got(1)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no value with the tag 'rn'; tags found: 'nr'\n");
}

TEST_CASE("a value that was not read, and one that is not a number, are inconclusive") {
  TapeUnderTest tape;
  tape.give("--tag", "nr");
  TapeEntry failed = got(1);
  failed.status = schema::EntryStatus::FAILED;
  failed.reason = "not mapped";
  tape->op({failed});
  tape->request({got(1)});
  tape->add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(2);
    auto entry = reply.initEntries(1)[0];
    entry.setStatus(schema::EntryStatus::DONE);
    entry.initValue().initBytes(16);
  });
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() ==
        "seq 5: the read as 'nr' failed: not mapped\nseq 7: 'nr' (no. 2) is not a number of at "
        "most 64 bits\n");
}

TEST_CASE("a value on a truncated tape is judged, a request without its reply is not") {
  TapeUnderTest tape;
  tape.give("--tag", "nr");
  tape.give("--to", "3");
  tape->op({got(3)});
  tape->request({got(3)});
  tape.evaluate_salvaged();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.confirmed() == "seq 5: 'nr' is 3\n");
  CHECK_THAT(tape.undecided(), ContainsSubstring("request 2 ('nr') was never answered"));
}

}  // namespace ktape::test
