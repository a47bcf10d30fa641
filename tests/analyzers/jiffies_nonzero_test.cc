// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr uint64_t kSoonAfterBoot = 4294892296;  // (u32)(-300 * HZ) at HZ 250

TapeEntry jiffies(uint64_t value) {
  return {.tag = "ticks", .target = symbol_target("jiffies_64"), .value = value};
}

}  // namespace

TEST_CASE("jiffies that grow from read to read pass") {
  TapeUnderTest tape;
  tape->op({jiffies(kSoonAfterBoot)});
  tape->op({jiffies(kSoonAfterBoot), jiffies(kSoonAfterBoot + 3)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() ==
        "seq 5: 'ticks' is 4294892296\nseq 10: 'ticks' is 4294892296\nseq 10: 'ticks' is "
        "4294892299\n");
}

TEST_CASE("a read of zero jiffies is violated by its reply") {
  TapeUnderTest tape;
  tape->op({jiffies(0)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() == "seq 5: 'ticks' is 0\n");
}

TEST_CASE("jiffies that go back name both replies") {
  TapeUnderTest tape;
  tape->op({jiffies(10)});
  tape->op({jiffies(20)});
  tape->op({jiffies(15)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() == "seq 15: 'ticks' is 15, it was 20 before (seq 10)\n");
}

TEST_CASE("a tape without a read of jiffies is inconclusive and names the tags it has") {
  TapeUnderTest tape;
  tape->op({{.tag = "loops", .target = symbol_target("loops_per_jiffy"), .value = 1}});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no read of jiffies_64; tags found: 'loops'\n");
}

TEST_CASE("a read of jiffies that did not succeed is inconclusive") {
  TapeUnderTest tape;
  TapeEntry failed = jiffies(0);
  failed.status = schema::EntryStatus::FAILED;
  failed.reason = "not mapped";
  tape->op({jiffies(1), failed});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 5: the read as 'ticks' failed: not mapped\n");
}

TEST_CASE("the lower half of jiffies wraps around and is not judged") {
  TapeUnderTest tape;
  TapeEntry narrow = jiffies(5);
  narrow.asked = schema::ValueKind::U32;
  tape->op({narrow});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(), ContainsSubstring("'ticks' was not read as u64"));
}

TEST_CASE("an unsealed tape is judged by what it has") {
  TapeUnderTest tape;
  tape->op({jiffies(7)});
  tape.evaluate_unsealed();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK_THAT(tape.ktap(),
             ContainsSubstring("(not sealed: the recorder died or is still running, 5 records)"));
}

TEST_CASE("a passed assertion prints its evidence, the losses and one result as KTAP") {
  TapeUnderTest tape;
  tape->op({jiffies(7)});
  tape.evaluate();
  CHECK(tape.ktap() ==
        "KTAP version 1\n"
        "1..1\n"
        "# tape: run.ktape (sealed, 7 records)\n"
        "# seq 5: 'ticks' is 7\n"
        "# losses: none\n"
        "ok 1 jiffies-nonzero\n");
}

TEST_CASE("a violated assertion is a result that is not ok") {
  TapeUnderTest tape;
  tape->op({jiffies(0)});
  tape.evaluate();
  CHECK_THAT(tape.ktap(), ContainsSubstring("# violated, seq 5: 'ticks' is 0\n"));
  CHECK_THAT(tape.ktap(), ContainsSubstring("\nnot ok 1 jiffies-nonzero\n"));
}

TEST_CASE("what the recorder lost is printed beside the verdict") {
  TapeUnderTest tape;
  tape->add([](schema::Record::Builder record) {
    auto counter = record.initLost().initCounters(1)[0];
    counter.setName("console_bytes");
    counter.setDescription("console text over its limit");
    counter.setCount(17);
  });
  tape->op({jiffies(7)});
  tape.evaluate_unsealed();
  CHECK_THAT(tape.ktap(),
             ContainsSubstring("# lost: 17 console_bytes (console text over its limit)\nok 1"));
}

TEST_CASE("a tag with control characters cannot write to the terminal or forge a result") {
  TapeUnderTest tape;
  TapeEntry hostile = jiffies(0);
  hostile.tag = "x\nok 2 forged\x1b[2J";
  tape->op({hostile});
  tape.evaluate();
  CHECK(tape.violated() == "seq 5: 'x\\nok 2 forged\\x1b[2J' is 0\n");
}

}  // namespace ktape::test
