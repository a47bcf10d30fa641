// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/wire/data.h"
#include "tests/analyzers/tape_under_test.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr uint64_t kMs = 1'000'000;

struct Phases {
  std::vector<uint64_t> spin_ms;
  std::vector<uint64_t> sleep_ms;
  bool loop = true;
  bool signalled = false;
};

void run(TapeUnderTest& tape, const Phases& phases, bool real = true) {
  tape->add([&](schema::Record::Builder record) {
    auto started = record.initRunStarted();
    started.setTimeIsReal(real);
    auto scenario = started.initScenario();
    auto worker = scenario.initWorkers(1)[0];
    worker.setName("w");
    worker.setLoop(phases.loop);
    auto list = worker.initPhases(static_cast<unsigned>(phases.spin_ms.size() + phases.sleep_ms.size()));
    unsigned i = 0;
    for (uint64_t ms : phases.spin_ms) list[i++].setSpinMs(ms);
    for (uint64_t ms : phases.sleep_ms) list[i++].setSleepMs(ms);
    if (!phases.signalled) return;
    scenario.initSteps(1)[0].initActions(1)[0].initSignal().setWorker("w");
  });
}

void at(TapeUnderTest& tape, uint64_t guest_ms, const std::function<void(schema::Record::Builder)>& fill) {
  must(tape->writer().append(HostNs(guest_ms * kMs), GuestNs(guest_ms * kMs), fill));
}

void started(TapeUnderTest& tape, uint64_t guest_ms) {
  at(tape, guest_ms, [](schema::Record::Builder record) { record.initWorkerStarted().setName("w"); });
}

void reported(TapeUnderTest& tape, uint64_t guest_ms, uint64_t phases) {
  at(tape, guest_ms, [&](schema::Record::Builder record) {
    auto report = record.initWorkerReport();
    report.setName("w");
    report.setEvent(schema::WorkerEvent::PROGRESS);
    report.setPhasesDone(phases);
  });
}

}  // namespace

TEST_CASE("a worker for whose sake the kernel ejected a scheduler was kept waiting") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "1000");
  run(tape, {.spin_ms = {10}});
  at(tape, 1000, [](schema::Record::Builder record) {
    record.initWorkerStarted().setName("w");
    record.getWorkerStarted().setPid(142);
  });
  at(tape, 5000, [](schema::Record::Builder record) {
    record.initSchedulerExited().setMessage(as_data("w[142] failed to run for 3.024s"));
  });
  tape.judge();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 3: worker 'w' waited for 3024.000 ms or longer at one time, 1000.000 ms are allowed\n");
}

TEST_CASE("a scheduler's exit for the sake of another task says nothing of a worker") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "1000");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  for (const char* message :
       {"kworker[7] failed to run for 3.024s", "x] failed to run for", "[1] failed to run for 9s"}) {
    at(tape, 2000, [&](schema::Record::Builder record) {
      record.initSchedulerExited().setMessage(as_data(std::string_view(message)));
    });
  }
  tape.judge();
  CHECK(tape.violated().empty());
}

TEST_CASE("a worker that ends its phases in time passes") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "30");
  run(tape, {.spin_ms = {10}, .sleep_ms = {10}});
  started(tape, 1000);
  reported(tape, 2000, 100);  // 1000 ms of phases in 1000 ms
  tape.judge();
  CHECK(tape.verdict() == Verdict::kPass);
  // The phase that was going on when it was started may have been over: 10 ms; and a spin of 10 ms.
  CHECK(tape.confirmed() == "seq 3: worker 'w' waited for 20.000 ms at most\n");
}

TEST_CASE("a worker whose phases took too long is violated by its report") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 2000,
           4);  // five phases were begun in 1000 ms: of 950 ms of waiting, 190 are one gap at least
  tape.judge();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 3: worker 'w' waited for 190.000 ms or longer at one time, 100.000 ms are allowed\n");
}

TEST_CASE("a worker that never ran is violated") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 6000, 0);
  tape.judge();
  CHECK_THAT(tape.violated(), ContainsSubstring("waited for 4990.000 ms or longer"));
}

TEST_CASE("between two reports the later one counts from the earlier") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 1500, 50);
  reported(tape, 2000, 51);
  tape.judge();
  CHECK_THAT(tape.violated(), ContainsSubstring("seq 4: worker 'w' waited for 240.000 ms or longer"));
}

TEST_CASE("what may be one long wait or many short ones is inconclusive") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 2000, 50);
  tape.judge();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() ==
        "seq 3: worker 'w' waited between 9.608 ms and 520.000 ms; more reports would tell\n");
}

TEST_CASE("a worker that is through with its phases waits for nothing") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "30");
  run(tape, {.spin_ms = {10}, .loop = false});
  started(tape, 1000);
  reported(tape, 1010, 1);
  reported(tape, 6000, 1);
  tape.judge();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a worker that the scenario sends signals to is never violated") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}, .signalled = true});
  started(tape, 1000);
  reported(tape, 6000, 0);
  tape.judge();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(), ContainsSubstring("; the scenario sends it signals"));
}

TEST_CASE("waiting is not judged where time is not real, unless that is forced") {
  for (bool force : {false, true}) {
    TapeUnderTest tape;
    tape.give("--max-gap-ms", "100");
    if (force) tape.give("--force");
    run(tape, {.spin_ms = {10}}, false);
    started(tape, 1000);
    reported(tape, 6000, 0);
    tape.judge();
    CHECK(tape.verdict() == (force ? Verdict::kFail : Verdict::kInconclusive));
  }
}

TEST_CASE("one worker can be judged alone, and has to be there") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  tape.give("--worker", "v");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 6000, 0);
  tape.judge();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no worker 'v'\n");
}

TEST_CASE("a worker that a truncated tape does not report of is inconclusive") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  tape.judge_salvaged();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 2: worker 'w' was never reported of\n");
}

TEST_CASE("reports without the guest's time are inconclusive") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 0);
  reported(tape, 5000, 500);
  tape.judge();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 3: worker 'w': the guest's time is not on the tape\n");
}

TEST_CASE("phases of any length and number do not overflow") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {~uint64_t{0}}, .sleep_ms = {~uint64_t{0}, 1}});
  started(tape, 1000);
  reported(tape, 6000, ~uint64_t{0} - 1);
  tape.judge();
  CHECK(tape.verdict() != Verdict::kFail);
}

}  // namespace ktape::test
