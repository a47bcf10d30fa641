// SPDX-License-Identifier: Apache-2.0
// Freezes by the host, and complaints of the kernel, on real kernels.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <map>
#include <set>

#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using schema::EntryStatus;
using schema::FreezeCause;
using schema::Gate;
using schema::OopsKind;
using schema::Outcome;

namespace {

constexpr uint64_t kErrorUnknownDsq = 1024;
constexpr uint64_t kErrorBpf = 1025;
constexpr uint64_t kErrorStall = 1026;

struct HostFreeze {
  Seq seq;
  FreezeCause cause = FreezeCause::NOT_SAID;
  std::string trigger;
  std::string detail;
  std::string symbol;                                  // where the vCPU that reached it stood
  std::vector<std::pair<uint32_t, std::string>> hits;  // vCPU and trigger
  std::vector<std::string> symbols;                    // where each vCPU stood
  int64_t bypass_depth = -1;
};

struct HostFacts {
  std::vector<HostFreeze> freezes;
  Seq scheduler_exited;
  std::vector<std::pair<OopsKind, std::string>> oopses;
  std::vector<std::string> planned;  // "NAME FUNCTION TIMES" of each trigger, "every MS"
  std::vector<std::string> sealed;   // "NAME armed FREEZES"
  std::map<std::string, uint64_t> sealed_hits;
  std::map<std::string, Seq> armed;        // by trigger
  std::map<std::string, Seq> steps;        // where each began, by name
  std::map<std::string, uint64_t> phases;  // done by each worker that has exited
  Seq attached;
  uint64_t intervals_froze = 0, intervals_skipped = 0;

  Seq done;  // that the agent said it

  // During the steps: the agent, too, makes system calls after it has reported that it is done.
  [[nodiscard]] size_t hits_of(const std::string& trigger) const {
    size_t count = 0;
    for (const HostFreeze& freeze : freezes) {
      if (done.value != 0 && freeze.seq > done) continue;
      for (const auto& hit : freeze.hits) count += hit.second == trigger;
    }
    return count;
  }
};

void note_plan(schema::RunStarted::Reader run, HostFacts& facts) {
  for (auto trigger : run.getFreezeTriggers())
    facts.planned.push_back(std::string(trigger.getName().cStr()) + " " +
                            trigger.getFunction().cStr() + " " +
                            std::to_string(trigger.getTimes()));
  if (run.getFreezeEveryMs() > 0)
    facts.planned.push_back("every " + std::to_string(run.getFreezeEveryMs()));
}

void note_counts(schema::Sealed::Reader sealed, HostFacts& facts) {
  for (auto trigger : sealed.getTriggers())
    facts.sealed.push_back(trigger.getName().cStr() +
                           std::string(trigger.getArmed() ? " armed " : " not armed ") +
                           std::to_string(trigger.getFreezes()));
  for (auto trigger : sealed.getTriggers())
    facts.sealed_hits[trigger.getName().cStr()] = trigger.getHits();
  facts.intervals_froze = sealed.getIntervals().getFroze();
  facts.intervals_skipped =
      sealed.getIntervals().getSkippedBusy() + sealed.getIntervals().getSkippedLate();
}

HostFacts host_facts(const std::string& tape) {
  HostFacts facts;
  int32_t vcpu = -1;
  must(must(TapeReader::open(tape))->for_each([&](const RecordView& view) -> Result<void> {
    switch (view.record.which()) {
      case schema::Record::FREEZE_BEGAN: {
        auto freeze = view.record.getFreezeBegan();
        vcpu = freeze.getVcpu();
        HostFreeze& seen = facts.freezes.emplace_back();
        seen.seq = view.seq;
        seen.cause = freeze.getCause();
        seen.trigger = freeze.getTrigger().cStr();
        seen.detail = as_text(freeze.getDetail());
        for (auto hit : freeze.getHits())
          seen.hits.emplace_back(hit.getVcpu(), hit.getTrigger().cStr());
        break;
      }
      case schema::Record::FROZEN: {
        HostFreeze& freeze = facts.freezes.back();
        freeze.bypass_depth = view.record.getFrozen().getBypassDepth();
        for (auto state : view.record.getFrozen().getVcpus()) {
          freeze.symbols.emplace_back(state.getSymbol().cStr());
          if (static_cast<int32_t>(state.getCpu()) != vcpu) continue;
          freeze.symbol = state.getSymbol().cStr();
        }
        break;
      }
      case schema::Record::RUN_STARTED: note_plan(view.record.getRunStarted(), facts); break;
      case schema::Record::SEALED: note_counts(view.record.getSealed(), facts); break;
      case schema::Record::TRIGGER_CHANGED: {
        auto change = view.record.getTriggerChanged();
        if (change.getChange() == schema::TriggerChange::ARMED)
          facts.armed[change.getTrigger().cStr()] = view.seq;
        break;
      }
      case schema::Record::STEP_STARTED:
        facts.steps[view.record.getStepStarted().getName().cStr()] = view.seq;
        break;
      case schema::Record::GUEST_EXITED: facts.done = view.seq; break;
      case schema::Record::SCHEDULER_ATTACHED: facts.attached = view.seq; break;
      case schema::Record::WORKER_REPORT: {
        auto report = view.record.getWorkerReport();
        if (report.getEvent() == schema::WorkerEvent::EXITED)
          facts.phases[report.getName().cStr()] = report.getPhasesDone();
        break;
      }
      case schema::Record::SCHEDULER_EXITED: facts.scheduler_exited = view.seq; break;
      case schema::Record::GUEST_OOPS:
        facts.oopses.emplace_back(view.record.getGuestOops().getKind(),
                                  as_text(view.record.getGuestOops().getText()));
        break;
      default: break;
    }
    return {};
  }));
  return facts;
}

// The one freeze of the run is from before the ejection, and its worker was runnable then.
void check_ejection(const Captured& captured, uint64_t kind, const std::string& detail) {
  INFO(captured.program.output);
  CHECK(captured.facts.scheduler_exit_kinds == std::vector<uint64_t>{kind});
  const HostFacts facts = host_facts(captured.tape);
  REQUIRE(facts.freezes.size() == 1);
  CHECK(facts.sealed == std::vector<std::string>{"scx-error armed 1"});
  const HostFreeze& freeze = facts.freezes[0];
  CHECK(freeze.cause == FreezeCause::TRIGGER);
  CHECK(freeze.trigger == "scx-error");
  CHECK(freeze.detail.find(detail) != std::string::npos);
  CHECK(freeze.seq < facts.scheduler_exited);
  CHECK(freeze.bypass_depth == 0);

  const auto& entries = captured.facts.entries;
  CHECK(entries.at("scx_exit_info.kind").value == kind);
  CHECK(entries.at("victim.on_rq").value == 1);
  CHECK(
      entries.at("victim.on_rq").failed.contains(Gate::NOT_QUEUED));  // its runnable_node is linked
  CHECK(entries.at("victim.scx.runnable_at").value > 0);
  CHECK(entries.at("victim.scx.runnable_at").value <= entries.at("jiffies_64").value);
  CHECK(captured.facts.requests == captured.facts.replies);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

void check_recorded_stall(const Captured& captured) {
  check_ejection(captured, kErrorStall, "victim[");
  const EntryFacts& dsq = captured.facts.entries.at("victim.scx.dsq->id");
  CHECK(dsq.status == EntryStatus::DONE);
  CHECK(dsq.value == 0);  // the scheduler's shared DSQ
  CHECK(captured.facts.entries.at("victim.scx.dsq").value != 0);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "a stall is frozen before the ejection on 6.16, its worker still queued",
                 "[kvm]") {
  check_recorded_stall(capture("scheduler_stall", "6.16"));
}

TEST_CASE_METHOD(CaptureFixture,
                 "a stall is frozen before the ejection on 7.3, its worker still queued", "[kvm]") {
  check_recorded_stall(capture("scheduler_stall", "7.3"));
}

TEST_CASE_METHOD(CaptureFixture,
                 "a dispatch to an unknown DSQ is frozen before the ejection on 6.16") {
  check_ejection(capture("unknown_dsq", "6.16"), kErrorUnknownDsq, "0xdead");
}

TEST_CASE_METHOD(CaptureFixture,
                 "a dispatch to an unknown DSQ is frozen before the ejection on 7.3", "[kvm]") {
  check_ejection(capture("unknown_dsq", "7.3"), kErrorUnknownDsq, "0xdead");
}

TEST_CASE_METHOD(CaptureFixture,
                 "a scheduler that calls scx_bpf_error() is frozen before the ejection on 6.16") {
  check_ejection(capture("bpf_error", "6.16"), kErrorBpf, "deliberate fault");
}

TEST_CASE_METHOD(CaptureFixture,
                 "a scheduler that calls scx_bpf_error() is frozen before the ejection on 7.3") {
  check_ejection(capture("bpf_error", "7.3"), kErrorBpf, "deliberate fault");
}

TEST_CASE_METHOD(CaptureFixture,
                 "a function freezes as often as allowed, and so do intervals and a SIGUSR1; "
                 "scx-error can be left out, and the tape has the plan and its results",
                 "[kvm]") {
  signal_at = "step 1 of ";
  Captured captured =
      capture("bpf_error", "6.16",
              {"--freeze-on", "none", "--freeze-on", "symbol:__x64_sys_clock_nanosleep*3",
               "--freeze-on", "symbol:panic", "--freeze-every", "200"});
  INFO(captured.program.output);
  CHECK(captured.facts.scheduler_exit_kinds == std::vector<uint64_t>{kErrorBpf});
  size_t entered = 0, periodic = 0, user = 0;
  const HostFacts facts = host_facts(captured.tape);
  for (const HostFreeze& freeze : facts.freezes) {
    CHECK(freeze.trigger != "scx-error");
    if (freeze.cause == FreezeCause::PERIODIC) ++periodic;
    if (freeze.cause == FreezeCause::USER) ++user;
    if (freeze.cause != FreezeCause::TRIGGER) continue;
    ++entered;
    CHECK(freeze.trigger == "symbol:__x64_sys_clock_nanosleep");
    CHECK(freeze.symbol == "__x64_sys_clock_nanosleep");
  }
  CHECK(entered == 3);
  CHECK(periodic >= 2);
  CHECK(facts.intervals_froze == periodic);
  CHECK(user == 1);
  CHECK(facts.planned ==
        std::vector<std::string>{"symbol:__x64_sys_clock_nanosleep __x64_sys_clock_nanosleep 3",
                                 "symbol:panic panic 1", "every 200"});
  CHECK(facts.sealed == std::vector<std::string>{"symbol:__x64_sys_clock_nanosleep armed 3",
                                                 "symbol:panic armed 0"});
  CHECK(captured.program.output.find("frozen   on symbol:panic: never, it was not entered\n") !=
        std::string::npos);
  CHECK(captured.program.output.find("frozen   periodically: " + std::to_string(periodic) +
                                     " of ") != std::string::npos);
}

namespace {

constexpr char kSleeps[] = "symbol:__x64_sys_clock_nanosleep";
constexpr char kWakeUps[] = "symbol:try_to_wake_up";
constexpr char kYields[] = "symbol:do_sched_yield";
constexpr uint64_t kSleepsEach = 30;

// A worker on each of four CPUs makes this many sleeps, one system call each, and then yields for a
// while, which the kernel counts for each CPU.
std::string counted_calls() {
  std::string workers, waits, reads;
  for (int i = 0; i < 4; ++i) {
    const std::string cpu = std::to_string(i);
    std::string phases;
    for (uint64_t sleep = 0; sleep < kSleepsEach; ++sleep) phases += "(sleepMs = 1), ";
    workers += "(name = \"w" + cpu + "\", unreaped = true, cpus = [" + cpu + "], phases = [" +
               phases + "(yieldMs = 1000)]),\n";
    waits += "(wait = (worker = \"w" + cpu + "\", state = zombie, deadlineMs = 200000)),\n";
    reads += "(op = (entry = (tag = \"yields" + cpu +
             "\", read = auto, target = (perCpu = (symbol = " + "\"runqueues\", cpu = " + cpu +
             "), path = \"yld_count\")))),\n";
  }
  return std::string("(name = \"counted_calls\", watchdogMs = 300000, machine = (cpus = 4),\n") +
         "freezes = (on = [\"none\", \"" + kSleeps + "*1000\", \"" + kWakeUps + "*100\", \"" +
         kYields + "*1000\"]),\nworkers = [" + workers +
         "],\nsteps = [(name = \"work\", actions = [" + waits + reads + "])])";
}

void check_counted_calls(const Captured& captured) {
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  const HostFacts facts = host_facts(captured.tape);
  const uint64_t phases = kSleepsEach + 1;
  CHECK(facts.phases == std::map<std::string, uint64_t>{
                            {"w0", phases}, {"w1", phases}, {"w2", phases}, {"w3", phases}});
  CHECK(facts.hits_of(kSleeps) == 4 * kSleepsEach);
  CHECK(facts.sealed_hits.at(kSleeps) - 4 * kSleepsEach <= 1);  // one more of the agent's
  CHECK(facts.hits_of(kWakeUps) == 100);
  CHECK(facts.sealed_hits.at(kWakeUps) == 100);
  size_t freezes = 0, together = 0;
  std::map<uint32_t, uint64_t> yields;
  for (const HostFreeze& freeze : facts.freezes) {
    if (freeze.cause != FreezeCause::TRIGGER) continue;
    ++freezes;
    together += freeze.hits.size() > 1;
    std::set<uint32_t> cpus;
    for (const auto& [cpu, trigger] : freeze.hits) {
      CHECK(cpus.insert(cpu).second);
      CHECK("symbol:" + freeze.symbols.at(cpu) == trigger);
      yields[cpu] += trigger == kYields;
    }
  }
  for (uint32_t cpu = 0; cpu < 4; ++cpu)
    CHECK(yields[cpu] == captured.facts.entries.at("yields" + std::to_string(cpu)).value);
  CHECK(facts.hits_of(kYields) > 4);
  // Whether CPUs enter a function together depends on the host's load; tests/capture has the rule.
  CHECK_NOFAIL(together > 0);
  std::printf("%zu freezes, %zu with several hits; %zu yields\n", freezes, together,
              facts.hits_of(kYields));
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "every call of functions that four CPUs enter, often at once, is one hit, on 6.16",
                 "[kvm]") {
  check_counted_calls(capture_text("counted_calls", counted_calls(), "6.16",
                                   {"--memory", "touched", "--append", "schedstats=enable"}));
}

TEST_CASE_METHOD(CaptureFixture,
                 "every call of functions that four CPUs enter, often at once, is one hit, on 7.3",
                 "[kvm]") {
  check_counted_calls(capture_text("counted_calls", counted_calls(), "7.3",
                                   {"--memory", "touched", "--append", "schedstats=enable"}));
}

TEST_CASE_METHOD(
    CaptureFixture,
    "a trigger is armed after the attachment, or at a step, whose first action it does not miss",
    "[kvm]") {
  Captured captured = capture_text("armed_later", R"((
    name = "armed_later", scheduler = (vtime = (switchMode = full)),
    freezes = (on = [
      "symbol:pick_task_scx*5@attach", "symbol:__x64_sys_sched_setscheduler*9@step:change"]),
    workers = [
      (name = "w", policy = fifo, loop = true, phases = [(sleepMs = 5)]),
      (name = "busy", loop = true, phases = [(sleepMs = 1)]),
    ],
    steps = [
      (name = "settle", actions = [(sleepMs = 300)]),
      (name = "change", actions = [
        (setPolicy = (worker = "w", policy = rr, priority = 2)), (sleepMs = 50)]),
    ],
  ))",
                                   "6.16");
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  const HostFacts facts = host_facts(captured.tape);
  const Seq attach = facts.armed.at("symbol:pick_task_scx");
  const Seq step = facts.armed.at("symbol:__x64_sys_sched_setscheduler");
  CHECK(attach > facts.attached);
  CHECK(step > facts.steps.at("change"));
  CHECK(facts.hits_of("symbol:pick_task_scx") == 5);
  // The workers' own calls came before. The second one is the agent's, when it changes the policy
  // of a worker that outlives the last step.
  CHECK(facts.hits_of("symbol:__x64_sys_sched_setscheduler") == 2);
  for (const HostFreeze& freeze : facts.freezes) CHECK(freeze.seq > attach);
}

TEST_CASE_METHOD(CaptureFixture,
                 "an oops and a BUG that the guest survives are distinguished from a panic, with "
                 "the workers that died") {
  Captured captured = capture("kernel_oops", "6.16");
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  CHECK(captured.facts.panic.empty());
  const HostFacts facts = host_facts(captured.tape);
  REQUIRE(facts.oopses.size() >= 3);
  CHECK(facts.oopses[0].first == OopsKind::OOPS);
  CHECK(facts.oopses[0].second.find("BUG: kernel NULL pointer dereference") != std::string::npos);
  CHECK(facts.oopses[0].second.find("__blk_flush_plug") != std::string::npos);
  CHECK(facts.oopses[0].second.find("---[ end trace") != std::string::npos);
  // A task must not end with a plug (kernel/exit.c).
  CHECK(facts.oopses[1].first == OopsKind::WARNING);
  const auto bug = std::find_if(facts.oopses.begin(), facts.oopses.end(),
                                [](const auto& oops) { return oops.first == OopsKind::BUG; });
  REQUIRE(bug != facts.oopses.end());
  CHECK(bug->second.find("kernel BUG at mm/mmap.c:") != std::string::npos);
  CHECK(bug->second.find("exit_mmap") != std::string::npos);
  CHECK(bug->second.find("---[ end trace") != std::string::npos);
  // The oops ends its task with SIGSEGV (kernel/exit.c, make_task_dead); the one that met the BUG
  // while it exited is never reaped.
  CHECK(sql_rows(captured.tape, "SELECT name, event, status FROM worker ORDER BY name") ==
        std::vector<std::string>{"doomed|progress|0", "shot|killed|9", "victim|killed|9"});
  const ChildResult completed = run_built("ktape-assert-run-completed", {captured.tape});
  CHECK(completed.exit_status == 0);
  CHECK(completed.output.find("the kernel complained: ") != std::string::npos);
}

}  // namespace ktape::test
