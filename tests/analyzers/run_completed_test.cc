// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;

TEST_CASE("a sealed run whose agent is done with exit code 0 passes") {
  TapeUnderTest tape;
  tape->run_started();
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() ==
        "seq 2: the agent is done, exit code 0\nseq 3: the run completed, and the tape was "
        "sealed\n");
}

TEST_CASE("what the recorder lost is not known for a tape that salvage sealed") {
  TapeUnderTest tape;
  tape->run_started();
  tape.evaluate_salvaged();
  CHECK(tape.verdict() != Verdict::kPass);
  CHECK_THAT(tape.ktap(), ContainsSubstring("# losses: not known, the tape does not say\n"));
}

TEST_CASE("a run that the watchdog ended is violated by the watchdog's record") {
  TapeUnderTest tape;
  tape->add([](schema::Record::Builder record) {
    auto fired = record.initWatchdogFired();
    fired.setName("run");
    fired.setLimitMs(60000);
    fired.setDetail("step 0 was going on");
  });
  tape.evaluate(Outcome::RUN_TIMED_OUT, -1);
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 1: the run watchdog fired after 60000 ms: step 0 was going on\n"
        "seq 2: the run watchdog ended the run\n");
}

TEST_CASE("a boot that took too long is violated") {
  TapeUnderTest tape;
  tape.evaluate(Outcome::BOOT_TIMED_OUT, -1);
  CHECK(tape.violated() == "seq 1: the guest did not boot in time\n");
}

TEST_CASE("a guest panic is violated by its record") {
  TapeUnderTest tape;
  tape->add([](schema::Record::Builder record) { record.initGuestPanicked(); });
  tape.evaluate(Outcome::GUEST_PANICKED, -1);
  CHECK(tape.violated() == "seq 1: the guest panicked\nseq 2: the guest panicked\n");
}

TEST_CASE("an exit code of the agent other than 0 is violated") {
  TapeUnderTest tape;
  tape.evaluate(Outcome::COMPLETED, 3);
  CHECK(tape.violated() ==
        "seq 1: the agent is done, exit code 3\nseq 2: the run completed, exit code 3\n");
}

TEST_CASE("a failed step is violated") {
  TapeUnderTest tape;
  tape->step_finished(0, false);
  tape.evaluate(Outcome::SCENARIO_FAILED, 1);
  CHECK_THAT(tape.violated(), ContainsSubstring("seq 1: step 0 failed\n"));
  CHECK_THAT(tape.violated(), ContainsSubstring("seq 3: a step of the scenario failed\n"));
}

TEST_CASE("a guest that ended before the agent was done is violated") {
  TapeUnderTest tape;
  tape.evaluate(Outcome::GUEST_EXITED, -1);
  CHECK(tape.violated() == "seq 1: the guest ended before the agent was done\n");
}

TEST_CASE("a lost machine, a failed host, an interruption and a broken protocol are inconclusive") {
  for (Outcome outcome : {Outcome::MACHINE_LOST, Outcome::HOST_FAILED, Outcome::INTERRUPTED,
                          Outcome::PROTOCOL_BROKEN}) {
    TapeUnderTest tape;
    tape.evaluate(outcome, -1);
    CHECK(tape.verdict() == Verdict::kInconclusive);
    CHECK_THAT(tape.undecided(), ContainsSubstring("seq 1: "));
  }
}

TEST_CASE("a recorder that died leaves the run undecided") {
  TapeUnderTest tape;
  tape->run_started();
  tape.evaluate_unsealed();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() ==
        "seq 0: the tape was never sealed: its recorder died or is still running\n");
  CHECK_THAT(tape.ktap(), ContainsSubstring("# losses: not known, the tape does not say\n"));
}

TEST_CASE("a panic before the recorder died is still violated") {
  TapeUnderTest tape;
  tape->add([](schema::Record::Builder record) { record.initGuestPanicked(); });
  tape.evaluate_unsealed();
  CHECK(tape.verdict() == Verdict::kFail);
}

TEST_CASE("a tape that says completed without a record of the agent's end is inconclusive") {
  TapeUnderTest tape;
  tape->run_started();
  auto seal = [](schema::Sealed::Builder sealed) { sealed.setOutcome(Outcome::COMPLETED); };
  tape.evaluate_file(must(tape->writer().seal(HostNs(9), seal)).path);
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no record of the agent's end\n");
}

}  // namespace ktape::test
