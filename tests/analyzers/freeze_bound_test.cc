// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

// A freeze of this length, with a run on real hardware before it.
void record(TapeUnderTest& tape, std::vector<uint64_t> frozen_ns, bool real = true) {
  tape->add([&](schema::Record::Builder record) { record.initRunStarted().setTimeIsReal(real); });
  uint64_t id = 0;
  for (uint64_t ns : frozen_ns) {
    ++id;
    tape->add([&](schema::Record::Builder record) { record.initFreezeBegan().setFreeze(id); });
    tape->add([&](schema::Record::Builder record) {
      auto thawed = record.initThawed();
      thawed.setFreeze(id);
      thawed.setFrozenNs(ns);
    });
  }
}

}  // namespace

TEST_CASE("freezes that are short enough pass, the longest is cited") {
  TapeUnderTest tape;
  tape.give("--max-ns", "1000");
  record(tape, {10, 1000, 500});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() == "seq 5: freeze 2 lasted 1000 ns, the longest of 3\n");
}

TEST_CASE("a freeze that is too long is violated by its end") {
  TapeUnderTest tape;
  tape.give("--max-ns", "999");
  record(tape, {10, 1000});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() == "seq 5: freeze 2 lasted 1000 ns, the limit is 999 ns\n");
}

TEST_CASE("a bound may have all 64 bits") {
  TapeUnderTest tape;
  CHECK(tape.give("--max-ns", "18446744073709551615"));
  CHECK_FALSE(tape.give("--max-ns", "18446744073709551616"));
  CHECK_FALSE(tape.give("--max-ns", "5 ms"));
  CHECK_FALSE(tape.give("--max-ns", "-1"));
}

TEST_CASE("the length of a freeze is not judged where time is not real, unless forced") {
  for (bool force : {false, true}) {
    TapeUnderTest tape;
    tape.give("--max-ns", "5");
    if (force) tape.give("--force");
    record(tape, {10}, false);
    tape.evaluate();
    CHECK(tape.verdict() == (force ? Verdict::kFail : Verdict::kInconclusive));
    if (!force) {
      CHECK(tape.undecided() ==
            "seq 1: the run's times are not those of real hardware; --force judges them anyway\n");
    }
  }
}

TEST_CASE(
    "a freeze that is too long is judged by the waits of ktape and QEMU, whatever the "
    "accelerator") {
  struct Case {
    uint64_t frozen_ns, waited_ns;
    Verdict verdict;
  };
  for (const Case& one : {Case{100, 100, Verdict::kPass}, Case{2000, 100, Verdict::kFail},
                          Case{2000, 101, Verdict::kInconclusive}, Case{2000, 0, Verdict::kFail}}) {
    TapeUnderTest tape;
    tape.give("--max-ns", "1000");
    tape->add([](schema::Record::Builder record) { record.initRunStarted(); });
    tape->add([](schema::Record::Builder record) { record.initFreezeBegan().setFreeze(1); });
    tape->add([&](schema::Record::Builder record) {
      auto thawed = record.initThawed();
      thawed.setFreeze(1);
      thawed.setFrozenNs(one.frozen_ns);
      thawed.setWaitedKnown(true);
      thawed.setWaitedNs(one.waited_ns);
    });
    tape.evaluate();
    CHECK(tape.verdict() == one.verdict);
    if (one.verdict == Verdict::kInconclusive) {
      CHECK(tape.undecided() ==
            "seq 3: freeze 1 lasted 2000 ns, but ktape or QEMU waited 101 ns of that for a CPU of "
            "the host, the limit is 5 %; --force judges it anyway, --max-host-wait raises the "
            "limit\n");
    }
  }
}

TEST_CASE("freezes are judged as from an older recorder if one of them lacks its waits") {
  for (const bool real : {true, false}) {
    TapeUnderTest tape;
    tape.give("--max-ns", "5");
    record(tape, {10}, real);
    tape->add([](schema::Record::Builder record) {
      record.initThawed().setWaitedKnown(true);
      record.getThawed().setFrozenNs(10);
    });
    tape.evaluate();
    CHECK(tape.verdict() == (real ? Verdict::kFail : Verdict::kInconclusive));
  }
}

TEST_CASE("a tape without a freeze, and one whose freeze has no end, are inconclusive") {
  TapeUnderTest none;
  none.give("--max-ns", "5");
  record(none, {});
  none.evaluate();
  CHECK(none.undecided() == "seq 0: the tape has no freeze that ended\n");

  TapeUnderTest open;
  open.give("--max-ns", "5");
  record(open, {3});
  open->add([&](schema::Record::Builder record) { record.initFreezeBegan().setFreeze(2); });
  open.evaluate_salvaged();
  CHECK(open.verdict() == Verdict::kInconclusive);
  CHECK(open.undecided() == "seq 4: a freeze has no end on the tape\n");
}

TEST_CASE("a freeze that is too long is violated on a truncated tape too") {
  TapeUnderTest tape;
  tape.give("--max-ns", "5");
  record(tape, {10});
  tape.evaluate_salvaged();
  CHECK(tape.verdict() == Verdict::kFail);
}

TEST_CASE("an assertion without its required argument says so in KTAP") {
  auto assertion = make_assertion();
  CHECK(ktap_lacking(*assertion, {"--max-ns"}) ==
        "KTAP version 1\n1..1\nok 1 freeze-bound # SKIP not asked: it needs --max-ns\n");
  CHECK_THAT(ktap_lacking(*assertion, {"--a", "--b", "--c"}),
             ContainsSubstring("needs --a, --b and --c\n"));
}

}  // namespace ktape::test
