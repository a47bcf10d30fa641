// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

void exited(TapeUnderTest& tape, uint64_t kind, std::string_view reason, std::string_view message) {
  tape->add([&](schema::Record::Builder record) {
    auto exit = record.initSchedulerExited();
    exit.setId(1);
    exit.setKind(kind);
    exit.setReason({reinterpret_cast<const kj::byte*>(reason.data()), reason.size()});
    exit.setMessage({reinterpret_cast<const kj::byte*>(message.data()), message.size()});
  });
}

}  // namespace

TEST_CASE("a scheduler that was unregistered passes") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  exited(tape, 64, "unregistered from user space", "");
  tape.judge();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() == "seq 2: scheduler 'ktape_vtime' exited, kind 64: unregistered from user space\n");
}

TEST_CASE("a scheduler that the kernel threw out is violated, with reason and message") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  exited(tape, 1026, "runnable task stall", "spinner[57] failed to run for 5.1s");
  tape.judge(schema::Outcome::SCENARIO_FAILED, 1);
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(
      tape.violated() ==
      "seq 2: scheduler 'ktape_vtime' exited, kind 1026: runnable task stall (spinner[57] failed to run for "
      "5.1s)\n");
}

TEST_CASE("every kind from SCX_EXIT_ERROR on is an error, and the message of the kernel is made safe") {
  TapeUnderTest tape;
  exited(tape, 1024, "runtime error", "\x1b[2J");
  tape.judge();
  CHECK(tape.violated() == "seq 1: scheduler 1 exited, kind 1024: runtime error (\\x1b[2J)\n");
}

TEST_CASE("a scheduler that is not known to have exited is inconclusive") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape.judge_salvaged();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 1: scheduler 'ktape_vtime' is not known to have exited\n");
}

TEST_CASE("a run without a scheduler is inconclusive") {
  TapeUnderTest tape;
  tape.judge();
  CHECK_THAT(tape.undecided(), ContainsSubstring("no scheduler was attached"));
}

}  // namespace ktape::test
