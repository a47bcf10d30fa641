// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

TapeEntry entry(const std::string& tag) {
  return {.tag = tag, .target = symbol_target("jiffies_64")};
}

void reply(TapeUnderTest& tape, uint64_t op, uint32_t entries = 1) {
  tape->add([&](schema::Record::Builder record) {
    auto replied = record.initOpReplied();
    replied.setOp(op);
    replied.initEntries(entries);
  });
}

}  // namespace

TEST_CASE("requests that each have one reply pass") {
  TapeUnderTest tape;
  tape->op({entry("a")});
  tape->op({entry("b"), entry("c")});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() == "seq 10: 2 requests, each with one reply\n");
}

TEST_CASE("one request is reported in the singular") {
  TapeUnderTest tape;
  tape->op({entry("a")});
  tape.evaluate();
  CHECK_THAT(tape.confirmed(), Catch::Matchers::EndsWith(": 1 request, with one reply\n"));
}

TEST_CASE("a reply may come after that of a later request") {
  TapeUnderTest tape;
  tape->request({entry("a")});
  tape->request({entry("b")});
  reply(tape, 2);
  reply(tape, 1);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a second reply, and a reply to nothing, are violated") {
  TapeUnderTest tape;
  tape->op({entry("a")});
  reply(tape, 1);
  reply(tape, 7);
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 6: a second reply to request 1, the first is seq 5\n"
        "seq 7: a reply to request 7, which is not on the tape before it\n");
}

TEST_CASE(
    "a reply with another number of results is violated, but not one that is an error as a whole") {
  TapeUnderTest tape;
  tape->request({entry("a"), entry("b")});
  reply(tape, 1, 1);
  tape->request({entry("c")});
  tape->add([](schema::Record::Builder record) {
    auto replied = record.initOpReplied();
    replied.setOp(2);
    replied.setError("the kernel could not be adopted");
  });
  tape.evaluate();
  CHECK(tape.violated() == "seq 2: request 1 has 2 entries, its reply 1\n");
}

TEST_CASE("a gap in the numbers of requests is violated") {
  TapeUnderTest tape;
  tape->add([](schema::Record::Builder record) { record.initOpRequested().setOp(2); });
  reply(tape, 2, 0);
  tape.evaluate();
  CHECK(tape.violated() == "seq 1: request 2 follows request 0\n");
}

TEST_CASE("a request without a reply is violated where the run completed, and else inconclusive") {
  TapeUnderTest completed;
  completed->request({entry("a")});
  completed.evaluate();
  CHECK(completed.violated() == "seq 1: request 1 has no reply\n");

  TapeUnderTest panicked;
  panicked->request({entry("a")});
  panicked.evaluate(schema::Outcome::GUEST_PANICKED, -1);
  CHECK(panicked.verdict() == Verdict::kInconclusive);

  TapeUnderTest truncated;
  truncated->op({entry("a")});
  truncated->request({entry("b")});
  truncated.evaluate_salvaged();
  CHECK(truncated.verdict() == Verdict::kInconclusive);
  CHECK(truncated.undecided() == "seq 6: request 2 has no reply: the run did not complete\n");
}

TEST_CASE("a tape without a request is inconclusive for pairs") {
  TapeUnderTest tape;
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.ktap(),
             ContainsSubstring("ok 1 op-pairing # SKIP inconclusive: the tape has no request\n"));
}

TEST_CASE("a request that was answered long ago is still known") {
  TapeUnderTest tape;
  constexpr uint64_t kRequests = 2500;
  for (uint64_t op = 1; op <= kRequests; ++op) tape->request({entry("a")});
  // Out of order.
  for (uint64_t op = 2; op <= kRequests; op += 2) reply(tape, op);
  for (uint64_t op = 1; op <= kRequests; op += 2) reply(tape, op);
  for (const uint64_t op : {1, 2, 1501, 2499, 2501}) reply(tape, op);
  tape->add([](schema::Record::Builder record) { record.initOpRequested().setOp(3); });
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 5001: a second reply to request 1\n"
        "seq 5002: a second reply to request 2\n"
        "seq 5003: a second reply to request 1501, the first is seq 4501\n"
        "seq 5004: a second reply to request 2499, the first is seq 5000\n"
        "seq 5005: a reply to request 2501, which is not on the tape before it\n"
        "seq 5006: request 3 is on the tape twice\n");
  CHECK_THAT(tape.confirmed(), ContainsSubstring("2500 requests, each with one reply"));
}

}  // namespace ktape::test
