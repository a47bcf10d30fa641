// SPDX-License-Identifier: Apache-2.0
//
// The agent on real kernels, with the test as its host.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "schema/wire/data.h"
#include "tests/guest/inside/guest_run.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

using Kind = schema::FromAgent::Which;

constexpr uint64_t kTickNs = 10'000'000;

// Kinds of enum scx_exit_kind, the same on every kernel so far.
constexpr uint64_t kUnregistered = 64;
constexpr uint64_t kRuntimeError = 1024;
constexpr uint64_t kBpfError = 1025;
constexpr uint64_t kStall = 1026;

std::string kernel(const std::string& series) {
  if (!test::is_cached(series)) SKIP(test::not_cached(series));
  return test::cached_kernel(series);
}

// Two workers that compete for one CPU, so that the scheduler has tasks to queue.
void add_rivals(schema::Scenario::Builder scenario) {
  auto workers = scenario.initWorkers(2);
  for (unsigned i = 0; i < workers.size(); ++i) {
    workers[i].setName(i == 0 ? "rival (one)" : "rival (two)");
    workers[i].setPolicy(schema::Policy::EXT);
    workers[i].initCpus(1).set(0, 0);
    workers[i].setLoop(true);
    auto phases = workers[i].initPhases(2);
    phases[0].setSpinMs(50);
    phases[1].setSleepMs(5);
  }
}

void add_hold(schema::Scenario::Builder scenario, uint32_t duration_ms) {
  scenario.setDurationMs(duration_ms);
  auto steps = scenario.initSteps(1);
  steps[0].setName("hold");
  steps[0].initActions(1)[0].setHold();
}

GuestRun run_with_fault(const std::string& version, schema::SchedulerFault fault) {
  return must(GuestRun::of(kernel(version), [fault](schema::Scenario::Builder scenario) {
    auto scheduler = scenario.initScheduler().initVtime();
    // Only for tests in which the watchdog should fire: on a busy host a guest looks stalled.
    if (fault == schema::SchedulerFault::STALL) scheduler.setTimeoutMs(2000);
    scheduler.setFault(fault);
    scheduler.setFaultAfterMs(200);
    add_rivals(scenario);
    add_hold(scenario, 6000);
  }));
}

// One sleeping worker, and one read of it.
void sleeper_scenario(schema::Scenario::Builder scenario, schema::SwitchMode mode) {
  scenario.setDurationMs(500);
  scenario.initScheduler().initVtime().setSwitchMode(mode);
  auto worker = scenario.initWorkers(1)[0];
  worker.setName("sleeper");
  worker.initPhases(1)[0].setSleepMs(600'000);
  auto steps = scenario.initSteps(2);
  steps[0].setName("settle");
  steps[0].initActions(1)[0].initWait().setWorker("sleeper");
  steps[1].setName("read");
  auto entry = steps[1].initActions(1)[0].initOp().initEntry();
  entry.setTag("vtime");
  auto target = entry.initTarget();
  target.initTask().setWorker("sleeper");
  target.setPath("scx.dsq_vtime");
  entry.setRead(schema::ValueKind::U64);
}

void check_run_of_a_sleeper(GuestRun run, const std::string& version, schema::SwitchMode mode) {
  INFO(run.console());
  auto hello = run.only(Kind::HELLO).getHello();
  CHECK(hello.getProtocol() == schema::PROTOCOL_VERSION);
  CHECK(as_text(hello.getGuest().getRelease()).starts_with(version));
  CHECK(hello.getGuest().getOnlineCpus() == 2);
  CHECK(hello.getGuest().getVmcoreinfoAddress() != 0);

  auto attached = run.only(Kind::SCHEDULER_ATTACHED).getSchedulerAttached();
  CHECK(as_text(attached.getName()) == "ktape_vtime");
  CHECK(attached.getSwitchMode() == mode);
  CHECK(attached.getVtime() == schema::VtimeSemantics::ONLY_GROWS);

  auto worker = run.only(Kind::WORKER_STARTED);
  auto started = worker.getWorkerStarted();
  CHECK(as_text(started.getComm()) == "sleeper");
  CHECK(started.getStartBoottimeNs() % kTickNs == 0);
  CHECK(started.getStartBoottimeNs() >= hello.getGuest().getBootTimeNs() / kTickNs * kTickNs);
  CHECK(started.getStartBoottimeNs() <= worker.getGuestNs());

  auto task = run.only(Kind::REQUEST).getRequest().getEntries()[0].getTarget().getTask();
  CHECK(task.getPid() == started.getPid());
  CHECK(task.getStartBoottimeNs() == started.getStartBoottimeNs());

  CHECK(run.messages(Kind::STEP_FINISHED).size() == 2);
  CHECK(run.only(Kind::SCHEDULER_EXITED).getSchedulerExited().getKind() == kUnregistered);
  CHECK(run.only(Kind::DONE).getDone().getExitCode() == 0);
  CHECK(run.ended_well());
}

void check_exit(GuestRun run, uint64_t kind) {
  INFO(run.console());
  auto exited = run.only(Kind::SCHEDULER_EXITED).getSchedulerExited();
  CHECK(exited.getKind() == kind);
  CHECK(exited.getReason().size() != 0);
  CHECK(exited.getMessage().size() != 0);
  CHECK(exited.getDump().size() != 0);
  CHECK(run.ended_well());
}

TEST_CASE("A run under full switch goes from hello to done") {
  const std::string version = GENERATE("6.16", "7.3");
  check_run_of_a_sleeper(must(GuestRun::of(kernel(version),
                                           [](schema::Scenario::Builder scenario) {
                                             sleeper_scenario(scenario, schema::SwitchMode::FULL);
                                           })),
                         version, schema::SwitchMode::FULL);
}

TEST_CASE("A run under partial switch goes from hello to done") {
  const std::string version = GENERATE("6.16", "7.3");
  check_run_of_a_sleeper(must(GuestRun::of(kernel(version),
                                           [](schema::Scenario::Builder scenario) {
                                             sleeper_scenario(scenario,
                                                              schema::SwitchMode::PARTIAL);
                                           })),
                         version, schema::SwitchMode::PARTIAL);
}

TEST_CASE("A scheduler that stalls is ejected by the kernel's watchdog, and the agent lives on") {
  const std::string version = GENERATE("6.16", "7.3");
  check_exit(run_with_fault(version, schema::SchedulerFault::STALL), kStall);
}

TEST_CASE("A dispatch to an unknown DSQ ends the scheduler with a runtime error") {
  const std::string version = GENERATE("6.16", "7.3");
  check_exit(run_with_fault(version, schema::SchedulerFault::UNKNOWN_DSQ), kRuntimeError);
}

TEST_CASE("A scheduler that calls scx_bpf_error() ends with its own error") {
  const std::string version = GENERATE("6.16", "7.3");
  check_exit(run_with_fault(version, schema::SchedulerFault::BPF_ERROR), kBpfError);
}

TEST_CASE("Without sched_ext in the kernel the agent says so and is done") {
  GuestRun run = must(GuestRun::of(kernel("6.12"), [](schema::Scenario::Builder scenario) {
    scenario.initScheduler().initVtime();
    add_hold(scenario, 100);
  }));
  INFO(run.console());
  auto done = run.only(Kind::DONE).getDone();
  CHECK(done.getExitCode() == 2);
  CHECK(std::string(done.getDetail().cStr()) == "this kernel has no sched_ext");
  CHECK(run.ended_well());
}

TEST_CASE("A wait whose deadline passes ends the run, and an action that fails does not") {
  GuestRun run = must(GuestRun::of(kernel("6.16"), [](schema::Scenario::Builder scenario) {
    auto worker = scenario.initWorkers(1)[0];
    worker.setName("sleeper");
    worker.initPhases(1)[0].setSleepMs(600'000);
    auto steps = scenario.initSteps(3);
    steps[0].setName("no such signal");
    auto signal = steps[0].initActions(1)[0].initSignal();
    signal.setWorker("sleeper");
    signal.setSignal(1000);
    steps[1].setName("never stops");
    auto wait = steps[1].initActions(1)[0].initWait();
    wait.setWorker("sleeper");
    wait.setState(schema::WorkerState::STOPPED);
    wait.setDeadlineMs(100);
    steps[2].setName("not reached");
  }));
  INFO(run.console());
  auto finished = run.messages(Kind::STEP_FINISHED);
  REQUIRE(finished.size() == 2);
  CHECK_FALSE(finished[0].getStepFinished().getOk());
  CHECK_FALSE(finished[1].getStepFinished().getOk());
  CHECK(run.only(Kind::DONE).getDone().getExitCode() == 1);
  CHECK(run.ended_well());
}

TEST_CASE("The end of a worker is reported with its exit code and how far it came") {
  GuestRun run = must(GuestRun::of(kernel("6.16"), [](schema::Scenario::Builder scenario) {
    auto worker = scenario.initWorkers(1)[0];
    worker.setName("short");
    auto phases = worker.initPhases(3);
    phases[0].setSleepMs(1);
    phases[1].setSpinMs(1);
    phases[2].setYieldMs(1);
    add_hold(scenario, 2000);
  }));
  INFO(run.console());
  auto report = run.only(Kind::WORKER_REPORT).getWorkerReport();
  CHECK(report.getEvent() == schema::WorkerEvent::EXITED);
  CHECK(report.getStatus() == 0);
  CHECK(report.getPhasesDone() == 3);
}

}  // namespace
}  // namespace ktape::test
