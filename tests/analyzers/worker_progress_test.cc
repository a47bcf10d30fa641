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
    auto list =
        worker.initPhases(static_cast<unsigned>(phases.spin_ms.size() + phases.sleep_ms.size()));
    unsigned i = 0;
    for (uint64_t ms : phases.spin_ms) list[i++].setSpinMs(ms);
    for (uint64_t ms : phases.sleep_ms) list[i++].setSleepMs(ms);
    if (!phases.signalled) return;
    scenario.initSteps(1)[0].initActions(1)[0].initSignal().setWorker("w");
  });
}

void at(TapeUnderTest& tape, uint64_t guest_ms,
        const std::function<void(schema::Record::Builder)>& fill) {
  must(tape->writer().append(HostNs(guest_ms * kMs), GuestNs(guest_ms * kMs), fill));
}

void started(TapeUnderTest& tape, uint64_t guest_ms) {
  at(tape, guest_ms,
     [](schema::Record::Builder record) { record.initWorkerStarted().setName("w"); });
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
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(
      tape.violated() ==
      "seq 3: worker 'w' waited for 3024.000 ms or longer at one time, the limit is 1000.000 ms\n");
}

TEST_CASE("a scheduler's exit for the sake of another task says nothing of a worker") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "1000");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  for (const char* message : {"kworker[7] failed to run for 3.024s", "x] failed to run for",
                              "[1] failed to run for 9s"}) {
    at(tape, 2000, [&](schema::Record::Builder record) {
      record.initSchedulerExited().setMessage(as_data(std::string_view(message)));
    });
  }
  tape.evaluate();
  CHECK(tape.violated().empty());
}

TEST_CASE("a worker that ends its phases in time passes") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "30");
  run(tape, {.spin_ms = {10}, .sleep_ms = {10}});
  started(tape, 1000);
  reported(tape, 2000, 100);  // 1000 ms of phases in 1000 ms
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  // The phase at its start may have been over: 10 ms; and a spin of 10 ms.
  CHECK(tape.confirmed() == "seq 3: worker 'w' waited for 20.000 ms at most\n");
}

TEST_CASE("a worker whose phases took too long is violated by its report") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 2000,
           4);  // five phases were begun in 1000 ms: of 950 ms of waiting, 190 are one gap at least
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 3: worker 'w' waited for 190.000 ms or longer at one time, the limit is 100.000 ms\n");
}

TEST_CASE("a worker that never ran is violated") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 6000, 0);
  tape.evaluate();
  CHECK_THAT(tape.violated(), ContainsSubstring("waited for 4990.000 ms or longer"));
}

TEST_CASE("between two reports the later one counts from the earlier") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 1500, 50);
  reported(tape, 2000, 51);
  tape.evaluate();
  CHECK_THAT(tape.violated(),
             ContainsSubstring("seq 4: worker 'w' waited for 240.000 ms or longer"));
}

TEST_CASE("what may be one long wait or many short ones is inconclusive") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 2000, 50);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() ==
        "seq 3: worker 'w' waited between 9.608 ms and 520.000 ms; more frequent reports would "
        "narrow this\n");
}

TEST_CASE("a worker that has finished its phases waits for nothing") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "30");
  run(tape, {.spin_ms = {10}, .loop = false});
  started(tape, 1000);
  reported(tape, 1010, 1);
  reported(tape, 6000, 1);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a worker to which the scenario sends signals is never violated") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}, .signalled = true});
  started(tape, 1000);
  reported(tape, 6000, 0);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(), ContainsSubstring("; the scenario sends it signals"));
}

TEST_CASE("waiting is not judged where time is not real, unless forced") {
  for (bool force : {false, true}) {
    TapeUnderTest tape;
    tape.give("--max-gap-ms", "100");
    if (force) tape.give("--force");
    run(tape, {.spin_ms = {10}}, false);
    started(tape, 1000);
    reported(tape, 6000, 0);
    tape.evaluate();
    CHECK(tape.verdict() == (force ? Verdict::kFail : Verdict::kInconclusive));
  }
}

TEST_CASE("one worker can be judged alone, and must exist") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  tape.give("--worker", "v");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  reported(tape, 6000, 0);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no worker 'v'\n");
}

TEST_CASE("a worker without a report on a truncated tape is inconclusive") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 1000);
  tape.evaluate_salvaged();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 2: worker 'w' has no report\n");
}

TEST_CASE("reports without the guest's time are inconclusive") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}});
  started(tape, 0);
  reported(tape, 5000, 500);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 3: worker 'w': the guest's time is not on the tape\n");
}

TEST_CASE("phases of any length and number do not overflow") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {~uint64_t{0}}, .sleep_ms = {~uint64_t{0}, 1}});
  started(tape, 1000);
  reported(tape, 6000, ~uint64_t{0} - 1);
  tape.evaluate();
  CHECK(tape.verdict() != Verdict::kFail);
}

namespace {

// How long the vCPUs have waited for a CPU of the host by then, in ms. Each has its own thread.
void waited(TapeUnderTest& tape, uint64_t host_ms, const std::vector<uint64_t>& ms,
            uint64_t stolen_ms = 0) {
  at(tape, host_ms, [&](schema::Record::Builder record) {
    auto delays = record.initRunDelays();
    delays.setStolenKnown(true);
    delays.setStolenNs(stolen_ms * kMs);
    auto vcpus = delays.initVcpus(static_cast<unsigned>(ms.size()));
    for (unsigned i = 0; i < ms.size(); ++i) {
      vcpus[i].setVcpu(i);
      vcpus[i].setKnown(true);
      vcpus[i].setThread(static_cast<int32_t>(100 + i));
      vcpus[i].setWaitedNs(ms[i] * kMs);
    }
  });
}

void frozen(TapeUnderTest& tape, uint64_t thawed_ms, uint64_t frozen_ms) {
  at(tape, thawed_ms,
     [&](schema::Record::Builder record) { record.initThawed().setFrozenNs(frozen_ms * kMs); });
}

void clocksource(TapeUnderTest& tape, uint64_t host_ms, const char* name) {
  at(tape, host_ms, [&](schema::Record::Builder record) {
    record.initClocksourceSeen().setName(as_data(std::string_view(name)));
  });
}

// A run without real time: a worker that ran well, or waited for 4.99 s, between two readings.
Verdict verdict_of(TapeUnderTest& tape, bool runs_well, const std::vector<uint64_t>& before,
                   const std::vector<uint64_t>& after, uint64_t stolen_ms = 0) {
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}}, false);
  waited(tape, 500, before);
  started(tape, 1000);
  reported(tape, 6000, runs_well ? 500 : 0);
  waited(tape, 6500, after, stolen_ms);
  tape.evaluate();
  return tape.verdict();
}

}  // namespace

TEST_CASE(
    "waiting is judged in a window in which no vCPU waited long for the host, whatever the "
    "accelerator") {
  TapeUnderTest well, badly;
  // 60 ms of 6000 are 1 %.
  CHECK(verdict_of(well, true, {40, 40}, {100, 40}) == Verdict::kPass);
  CHECK(verdict_of(badly, false, {40, 40}, {100, 40}) == Verdict::kFail);
}

TEST_CASE("waiting is not judged in a window in which a vCPU waited long for the host") {
  for (const bool runs_well : {true, false}) {
    TapeUnderTest tape;
    CHECK(verdict_of(tape, runs_well, {40, 40}, {40, 640}) == Verdict::kInconclusive);
    CHECK_THAT(tape.undecided(), ContainsSubstring("seq 5: worker 'w' waited for "));
    CHECK_THAT(tape.undecided(),
               ContainsSubstring(", but from 0.500 s to 6.500 s into the run vCPU 1 waited 10.0 % "
                                 "of the time for a CPU of the host, the limit is 5 %; --force "
                                 "judges it anyway, --max-host-wait raises the limit"));
  }
}

TEST_CASE("the share of the time that a vCPU may wait for the host can be set") {
  TapeUnderTest more, less;
  more.give("--max-host-wait", "10");
  CHECK(verdict_of(more, true, {40, 40}, {40, 640}) == Verdict::kPass);
  less.give("--max-host-wait", "0");
  CHECK(verdict_of(less, true, {40, 40}, {40, 41}) == Verdict::kInconclusive);
  TapeUnderTest tape;
  CHECK_FALSE(tape.give("--max-host-wait", "101"));
  CHECK_FALSE(tape.give("--max-host-wait", "some"));
}

TEST_CASE("distorted time is judged if forced") {
  TapeUnderTest tape;
  tape.give("--force");
  CHECK(verdict_of(tape, false, {0}, {6000}) == Verdict::kFail);
}

TEST_CASE("the time that a hypervisor below the host took counts as well, except for one tick") {
  TapeUnderTest taken, little;
  CHECK(verdict_of(taken, true, {0}, {0}, 320) == Verdict::kInconclusive);
  CHECK_THAT(taken.undecided(),
             ContainsSubstring("the hypervisor below the host took 5.2 % of a CPU"));
  CHECK(verdict_of(little, true, {0}, {0}, 310) == Verdict::kPass);
}

TEST_CASE("time with an unknown wait of a vCPU is not judged") {
  TapeUnderTest back, fewer;
  CHECK(verdict_of(back, true, {40}, {39}) == Verdict::kInconclusive);
  CHECK_THAT(back.undecided(),
             ContainsSubstring("the time that vCPU 0 waited for a CPU of the host is not known"));
  CHECK(verdict_of(fewer, true, {40, 40}, {40}) == Verdict::kInconclusive);
}

TEST_CASE("vCPUs that share one thread are not judged") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}}, false);
  for (const uint64_t ms : {500, 6500}) {
    if (ms == 6500) {
      started(tape, 1000);
      reported(tape, 6000, 500);
    }
    at(tape, ms, [](schema::Record::Builder record) {
      for (auto vcpu : record.initRunDelays().initVcpus(2)) vcpu.setKnown(true);
    });
  }
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK_THAT(tape.undecided(), ContainsSubstring("vCPUs 0 and 1 shared one thread of the host"));
}

TEST_CASE("only the windows around a gap matter to it, and one good gap is enough") {
  for (const bool twice : {false, true}) {
    TapeUnderTest tape;
    tape.give("--max-gap-ms", "100");
    run(tape, {.spin_ms = {10}}, false);
    waited(tape, 500, {0});
    started(tape, 1000);
    reported(tape, 3000, 0);  // a gap of 2 s, in a bad window
    waited(tape, 3500, {2000});
    reported(tape, 4000, 50);
    waited(tape, 4500, {2000});
    reported(tape, 5000, 150);
    if (twice) reported(tape, 6000, 150);  // and one of 1 s in a good one
    waited(tape, 6500, {2000});
    tape.evaluate();
    CHECK(tape.verdict() == (twice ? Verdict::kFail : Verdict::kInconclusive));
    if (twice)
      CHECK_THAT(tape.violated(),
                 ContainsSubstring("seq 9: worker 'w' waited for 990.000 ms or longer"));
  }
}

TEST_CASE("a window does not include the time for which the machine was frozen") {
  // 100 ms of 2000 are 5 %, of 1000 they are 10 %.
  for (const uint64_t frozen_ms : {0, 1000}) {
    TapeUnderTest tape;
    tape.give("--max-gap-ms", "100");
    run(tape, {.spin_ms = {10}}, false);
    waited(tape, 1000, {0});
    started(tape, 1000);
    if (frozen_ms > 0) frozen(tape, 2500, frozen_ms);
    reported(tape, 3000, 200);
    waited(tape, 3000, {100});
    tape.evaluate();
    CHECK(tape.verdict() == (frozen_ms > 0 ? Verdict::kInconclusive : Verdict::kPass));
  }
}

TEST_CASE("short windows count together: a wait of one millisecond is a large share of two") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}}, false);
  waited(tape, 1000, {0});
  started(tape, 1000);
  waited(tape, 1002, {1});
  waited(tape, 1004, {2});
  waited(tape, 2000, {3});
  reported(tape, 2000, 100);
  waited(tape, 2010, {5});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("time without waits on the tape is not judged") {
  TapeUnderTest early, late;
  for (TapeUnderTest* tape : {&early, &late}) {
    tape->give("--max-gap-ms", "100");
    run(*tape, {.spin_ms = {10}}, false);
    if (tape == &late) waited(*tape, 900, {0});
    started(*tape, 1000);
    waited(*tape, 1100, {0});
    reported(*tape, 2000, 100);
    if (tape == &early) waited(*tape, 2100, {0});
    tape->evaluate();
    CHECK(tape->verdict() == Verdict::kInconclusive);
    CHECK_THAT(tape->undecided(),
               ContainsSubstring("the tape does not have the waits of the vCPUs for all of "
                                 "the time from 1.000 s to 2.000 s into the run"));
  }
}

TEST_CASE(
    "a guest that uses the TSC under KVM has its freezes in its times, which are not judged") {
  for (const char* clock : {"tsc", "kvm-clock"}) {
    for (const bool freezes : {true, false}) {
      TapeUnderTest tape;
      tape.give("--max-gap-ms", "100");
      tape->add([&](schema::Record::Builder record) {
        record.initRunStarted().setAcceleratorUsed(schema::Accelerator::KVM);
        auto worker = record.getRunStarted().initScenario().initWorkers(1)[0];
        worker.setName("w");
        worker.setLoop(true);
        worker.initPhases(1)[0].setSpinMs(10);
      });
      clocksource(tape, 900, clock);
      waited(tape, 1000, {0});
      started(tape, 1000);
      if (freezes) frozen(tape, 1500, 1);
      reported(tape, 2000, 100);
      waited(tape, 2000, {0});
      tape.evaluate();
      const bool distorted = freezes && std::string_view(clock) == "tsc";
      CHECK(tape.verdict() == (distorted ? Verdict::kInconclusive : Verdict::kPass));
      if (distorted)
        CHECK_THAT(
            tape.undecided(),
            ContainsSubstring("the guest's clock was the TSC, which does not stop in a freeze"));
    }
  }
}

TEST_CASE("an ejection's gap is judged by the windows around it") {
  for (const uint64_t wait_ms : {0, 1000}) {
    TapeUnderTest tape;
    tape.give("--max-gap-ms", "1000");
    run(tape, {.spin_ms = {10}}, false);
    waited(tape, 500, {0});
    at(tape, 1000, [](schema::Record::Builder record) {
      record.initWorkerStarted().setName("w");
      record.getWorkerStarted().setPid(142);
    });
    waited(tape, 1500, {500});  // before it
    at(tape, 5000, [](schema::Record::Builder record) {
      record.initSchedulerExited().setMessage(as_data("w[142] failed to run for 3.024s"));
    });
    waited(tape, 5100, {500 + wait_ms});
    tape.evaluate();
    CHECK(tape.verdict() == (wait_ms == 0 ? Verdict::kFail : Verdict::kInconclusive));
  }
}

TEST_CASE("very many bad windows are kept as few") {
  TapeUnderTest tape;
  tape.give("--max-gap-ms", "100");
  run(tape, {.spin_ms = {10}}, false);
  uint64_t ms = 1000, wait_ms = 0;
  started(tape, ms);
  for (int i = 0; i < 3000; ++i) waited(tape, ms += 100, {wait_ms += i % 2 == 0 ? 90 : 0});
  reported(tape, ms, 0);
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
}

}  // namespace ktape::test
