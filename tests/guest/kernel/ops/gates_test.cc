// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/ops/gate_words.h"
#include "tests/support/kernel/fake_kernel.h"

using namespace ktape;
using ktape::test::FakeKernel;
using ktape::test::FakeKernelShape;

namespace {

constexpr int32_t kPid = 77;
constexpr uint64_t kStart = 5230000000;
constexpr uint64_t kExactStart = kStart + 4567;

// A fake kernel with one task, and the gates' results for it.
struct Fixture {
  explicit Fixture(const FakeKernelShape& shape = {})
      : fake(shape), task(fake.add_task(kPid, "sleeper", kExactStart)), log(fake.kernel().btf()) {}

  GateVerdict check(bool write, Pid pid = Pid(kPid), uint64_t start = kStart) {
    const GateChecker checker(fake.kernel(), log);
    const TaskRoot asked{pid, start, ""};
    readings = checker.evaluate(fake.memory(), asked, write);
    return checker.describe(readings, asked, write);
  }

  FakeKernel fake;
  GuestVirtual task;
  LayoutLog log;
  GateReadings readings;  // of the last check
};

using Names = std::vector<std::string>;

Names with(const GateVerdict& verdict, schema::GateOutcome outcome) {
  Names names;
  for (const GateResult& gate : verdict.gates) {
    if (gate.outcome == outcome) names.push_back(gate_name(gate.gate));
  }
  return names;
}

Names failed(const GateVerdict& verdict) { return with(verdict, schema::GateOutcome::FAILED); }
Names blind(const GateVerdict& verdict) {
  return with(verdict, schema::GateOutcome::NOT_EVALUATED);
}

std::string observed(const GateVerdict& verdict, schema::Gate gate) {
  return verdict.gates.at(static_cast<size_t>(gate) - 1).observed;
}

}  // namespace

TEST_CASE("a sleeping task under a full switch passes all twelve gates") {
  Fixture f;
  const GateVerdict verdict = f.check(true);
  CHECK(failed(verdict).empty());
  CHECK(blind(verdict).empty());
  CHECK(verdict.refusal.empty());
  CHECK(f.readings.task == f.task);
  CHECK(f.readings.cpu == 0);
  REQUIRE(verdict.gates.size() == 12);
  for (size_t i = 0; i < 12; ++i) {
    CHECK(static_cast<size_t>(verdict.gates[i].gate) == i + 1);
    CHECK(verdict.gates[i].enforced);
  }
}

TEST_CASE("reads enforce gates 1, 2, 3 and 8 and observe the rest") {
  Fixture f;
  Names enforced;
  for (const GateResult& gate : f.check(false).gates) {
    if (gate.enforced) enforced.push_back(gate_name(gate.gate));
  }
  CHECK(enforced == Names{"pid", "identity", "alive", "initialised"});
}

TEST_CASE("observed values are printed readably") {
  Fixture f;
  const GateVerdict verdict = f.check(true);
  CHECK(observed(verdict, schema::Gate::PID) == "pid=77");
  CHECK(observed(verdict, schema::Gate::IDENTITY) ==
        "start_boottime=5230000000 (exactly 5230004567, start_time=5230003867)");
  CHECK(observed(verdict, schema::Gate::ALIVE) == "state=0x2001");
  CHECK(observed(verdict, schema::Gate::OFF_RUNQUEUE) == "on_rq=0 on_cpu=0");
  CHECK(observed(verdict, schema::Gate::NOT_QUEUED) == "dsq=NULL runnable_node=empty");
  CHECK(observed(verdict, schema::Gate::SCHED_CLASS) == "sched_class=ext_sched_class");
  CHECK(observed(verdict, schema::Gate::POLICY) == "policy=0 switched_all=1");
  CHECK(observed(verdict, schema::Gate::NO_DISPATCH) ==
        "ddsp_dsq_id=SCX_DSQ_INVALID ops_state=SCX_OPSS_NONE");
  CHECK(observed(verdict, schema::Gate::UNLOCKED) == "pi_lock=free rq_lock=free cpu=0");
  CHECK(observed(verdict, schema::Gate::ENABLED) == "state=SCX_TASK_ENABLED");
}

TEST_CASE("gate 1 refuses a pid that no task has, and the others are not evaluated") {
  Fixture f;
  const GateVerdict verdict = f.check(false, Pid(78));
  CHECK(failed(verdict) == Names{"pid"});
  CHECK(blind(verdict).size() == 11);
  CHECK(observed(verdict, schema::Gate::PID) == "no task has pid 78");
  CHECK(verdict.refusal == "gate 1 (pid) refuses: observed no task has pid 78, expected pid=78");
  CHECK_FALSE(f.readings.task.has_value());
}

TEST_CASE("gate 1 refuses a task with another pid") {
  Fixture f;
  f.fake.set_task(f.task, "pid", 79);
  const GateVerdict verdict = f.check(false);
  CHECK(failed(verdict) == Names{"pid"});
  CHECK(verdict.refusal == "gate 1 (pid) refuses: observed pid=79, expected pid=77");
}

TEST_CASE("gate 2 refuses another start time, on either side of the tick") {
  Fixture f;
  CHECK(failed(f.check(false, Pid(kPid), kStart + 10'000'000)) == Names{"identity"});
  CHECK(failed(f.check(false, Pid(kPid), kStart - 10'000'000)) == Names{"identity"});
  CHECK(failed(f.check(false, Pid(kPid), kExactStart)) == Names{"identity"});
}

TEST_CASE("gate 3 refuses a dead task") {
  Fixture f;
  f.fake.set_task(f.task, "__state", 0x80);
  const GateVerdict verdict = f.check(false);
  CHECK(failed(verdict) == Names{"alive"});
  CHECK(verdict.refusal ==
        "gate 3 (alive) refuses: observed state=0x80 (DEAD), expected state without DEAD");
}

TEST_CASE("gate 4 refuses a task on a runqueue or on a CPU, for writes only") {
  Fixture f;
  f.fake.set_task(f.task, "on_rq", 1);
  CHECK(failed(f.check(true)) == Names{"offRunqueue"});
  CHECK(f.check(true).refusal ==
        "gate 4 (offRunqueue) refuses: observed on_rq=1 on_cpu=0, expected on_rq=0 on_cpu=0");
  CHECK(failed(f.check(false)) == Names{"offRunqueue"});
  CHECK(f.check(false).refusal.empty());
  f.fake.set_task(f.task, "on_rq", 0);
  f.fake.set_task(f.task, "on_cpu", 1);
  CHECK(failed(f.check(true)) == Names{"offRunqueue"});
}

TEST_CASE("gate 4 reads on_rq in the width that this kernel has") {
  Fixture f(FakeKernelShape{.narrow_on_rq = true});
  // The neighbouring bytes of an `int` would be read as well.
  f.fake.put(f.fake.field(f.task, "struct task_struct", "on_rq") + 1, 0xff, 1);
  CHECK(failed(f.check(true)).empty());
  f.fake.set_task(f.task, "on_rq", 2);
  CHECK(observed(f.check(true), schema::Gate::OFF_RUNQUEUE) == "on_rq=2 on_cpu=0");
}

TEST_CASE("gate 5 refuses a task in a DSQ, and separately one that is runnable") {
  Fixture f;
  f.fake.set_task(f.task, "scx.dsq", 0xffff888000500000);
  CHECK(failed(f.check(true)) == Names{"notQueued"});
  CHECK(observed(f.check(true), schema::Gate::NOT_QUEUED) ==
        "dsq=0xffff888000500000 runnable_node=empty");
  f.fake.set_task(f.task, "scx.dsq", 0);
  const GuestVirtual list =
      f.fake.field(f.fake.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
  f.fake.link(list, f.fake.field(f.task, "struct task_struct", "scx.runnable_node"));
  CHECK(failed(f.check(true)) == Names{"notQueued"});
  CHECK(observed(f.check(true), schema::Gate::NOT_QUEUED) == "dsq=NULL runnable_node=linked");
}

TEST_CASE("gate 6 refuses a task of another class and names it") {
  Fixture f;
  f.fake.set_task(f.task, "sched_class", f.fake.symbol("fair_sched_class").value);
  const GateVerdict verdict = f.check(true);
  CHECK(failed(verdict) == Names{"schedClass"});
  CHECK(observed(verdict, schema::Gate::SCHED_CLASS) == "sched_class=fair_sched_class");
}

TEST_CASE("gate 7 accepts policy EXT always, and NORMAL only under a full switch") {
  Fixture f;
  f.fake.put(f.fake.symbol("__scx_switched_all"), 0, 4);
  CHECK(failed(f.check(true)) == Names{"policy"});
  f.fake.set_task(f.task, "policy", 7);
  CHECK(failed(f.check(true)).empty());
  f.fake.put(f.fake.symbol("__scx_switched_all"), 1, 4);
  f.fake.set_task(f.task, "policy", 1);
  CHECK(failed(f.check(true)) == Names{"policy"});
  CHECK(observed(f.check(true), schema::Gate::POLICY) == "policy=1 switched_all=1");
  for (uint64_t taken_over : {0, 3, 5}) {
    f.fake.set_task(f.task, "policy", taken_over);
    CHECK(failed(f.check(true)).empty());
  }
}

TEST_CASE("gate 8 refuses a task that was never set up, even if its start time was requested") {
  Fixture f;
  f.fake.set_task(f.task, "start_boottime", 0);
  const GateVerdict verdict = f.check(false, Pid(kPid), 0);
  CHECK(failed(verdict) == Names{"initialised"});
  CHECK_FALSE(verdict.refusal.empty());
}

TEST_CASE("gate 9 refuses a task that is waking or new") {
  Fixture f;
  f.fake.set_task(f.task, "__state", 0x200);
  CHECK(failed(f.check(true)) == Names{"settled"});
  CHECK(observed(f.check(true), schema::Gate::SETTLED) == "state=0x200 (WAKING)");
  f.fake.set_task(f.task, "__state", 0x800);
  CHECK(failed(f.check(true)) == Names{"settled"});
}

TEST_CASE("gate 10 refuses a pending dispatch, by either of its two signs") {
  Fixture f;
  f.fake.set_task(f.task, "scx.ddsp_dsq_id", (uint64_t{1} << 63) | 2);
  CHECK(failed(f.check(true)) == Names{"noDispatch"});
  CHECK(observed(f.check(true), schema::Gate::NO_DISPATCH) ==
        "ddsp_dsq_id=SCX_DSQ_LOCAL ops_state=SCX_OPSS_NONE");
  f.fake.set_task(f.task, "scx.ddsp_dsq_id", uint64_t{1} << 63);
  // Queued, with sequence number 9 above the state.
  f.fake.set_task(f.task, "scx.ops_state.counter", 9 << 2 | 2);
  CHECK(failed(f.check(true)) == Names{"noDispatch"});
}

TEST_CASE("gate 11 refuses while pi_lock or the runqueue lock of the task's CPU is held") {
  Fixture f;
  f.fake.set_task(f.task, "pi_lock.raw_lock.val.counter", 1);
  CHECK(failed(f.check(true)) == Names{"unlocked"});
  f.fake.set_task(f.task, "pi_lock.raw_lock.val.counter", 0);
  f.fake.set_rq(0, "__lock.raw_lock.val.counter", 0x100);
  CHECK(failed(f.check(true)) == Names{"unlocked"});
  CHECK(observed(f.check(true), schema::Gate::UNLOCKED) == "pi_lock=free rq_lock=held cpu=0");
  f.fake.set_task(f.task, "thread_info.cpu", 1);
  CHECK(failed(f.check(true)).empty());
}

TEST_CASE("gate 11 checks the lock that core scheduling shares") {
  Fixture f;
  f.fake.set_rq(0, "core_enabled", 1);
  f.fake.set_rq(0, "core", f.fake.per_cpu("runqueues", 1).value);
  f.fake.set_rq(1, "__lock.raw_lock.val.counter", 1);
  CHECK(failed(f.check(true)) == Names{"unlocked"});
}

TEST_CASE("gate 12 finds the SCX task state by its name") {
  Fixture shifted;
  shifted.fake.set_task(shifted.task, "scx.flags", 0x200);
  CHECK(failed(shifted.check(true)) == Names{"enabled"});
  CHECK(observed(shifted.check(true), schema::Gate::ENABLED) == "state=SCX_TASK_READY");

  Fixture in_place(FakeKernelShape{.states_among_flags = true});
  CHECK(failed(in_place.check(true)).empty());
  // The value of ENABLED if the states are an enum of their own.
  in_place.fake.set_task(in_place.task, "scx.flags", 0x300);
  CHECK(failed(in_place.check(true)) == Names{"enabled"});
  CHECK(observed(in_place.check(true), schema::Gate::ENABLED) == "state=SCX_TASK_READY");
}

TEST_CASE("a spinning worker fails every gate that a running task should") {
  Fixture f;
  f.fake.set_task(f.task, "__state", 0);
  f.fake.set_task(f.task, "on_rq", 1);
  f.fake.set_task(f.task, "on_cpu", 1);
  const GuestVirtual list =
      f.fake.field(f.fake.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
  f.fake.link(list, f.fake.field(f.task, "struct task_struct", "scx.runnable_node"));
  f.fake.set_rq(0, "__lock.raw_lock.val.counter", 1);
  CHECK(failed(f.check(true)) == Names{"offRunqueue", "notQueued", "unlocked"});
  CHECK(f.check(false).refusal.empty());
}

TEST_CASE("a refusal may pass if everything that refuses is momentary") {
  Fixture f;
  const auto may_pass = [&] {
    (void)f.check(true);
    CHECK_FALSE(f.readings.admitted);
    return f.readings.may_pass;
  };
  SECTION("a lock") {
    f.fake.set_rq(0, "__lock.raw_lock.val.counter", 1);
    CHECK(may_pass());
    f.fake.set_task(f.task, "policy", 1);
    CHECK_FALSE(may_pass());
  }
  SECTION("a wake-up") {
    f.fake.set_task(f.task, "__state", kTaskWaking);
    CHECK(may_pass());
    f.fake.set_task(f.task, "thread_info.cpu", 9);  // gate 11 cannot look
    CHECK_FALSE(may_pass());
  }
  SECTION("a task that has said that it will sleep, and is still there") {
    f.fake.set_task(f.task, "on_rq", 1);
    f.fake.set_task(f.task, "on_cpu", 1);
    f.fake.set_task(f.task, "scx.dsq", 0xffff888000001000);
    CHECK(may_pass());
    f.fake.set_task(f.task, "__state", 0);  // it has not
    CHECK_FALSE(may_pass());
  }
  SECTION("a dead task") {
    f.fake.set_task(f.task, "__state", kTaskDead);
    f.fake.set_task(f.task, "on_cpu", 1);
    CHECK_FALSE(may_pass());
  }
}

TEST_CASE("an admitted op has nothing left to retry") {
  Fixture f;
  (void)f.check(true);
  CHECK(f.readings.admitted);
  CHECK_FALSE(f.readings.may_pass);
  f.fake.set_task(f.task, "on_rq", 1);  // a read is not held to it
  (void)f.check(false);
  CHECK(f.readings.admitted);
}

TEST_CASE("without sched_ext a read continues and a write fails at the class") {
  Fixture f(FakeKernelShape{.sched_ext = false});
  const GateVerdict read = f.check(false);
  CHECK(blind(read) == Names{"notQueued", "schedClass", "policy", "noDispatch", "enabled"});
  CHECK(observed(read, schema::Gate::ENABLED) == "this kernel has no sched_ext");
  CHECK(read.refusal.empty());
  const GateVerdict write = f.check(true);
  CHECK(failed(write) == Names{"schedClass"});
  CHECK(write.refusal ==
        "gate 6 (schedClass) refuses: observed sched_class=fair_sched_class, this kernel has no "
        "sched_ext, "
        "expected sched_class=ext_sched_class");
}

TEST_CASE("a gate that cannot be evaluated stops a write and says why") {
  Fixture f;
  f.fake.set_task(f.task, "thread_info.cpu", 9);
  const GateVerdict verdict = f.check(true);
  CHECK(blind(verdict) == Names{"unlocked"});
  CHECK(verdict.refusal.starts_with("gate 11 (unlocked) cannot be evaluated: "));
  CHECK(f.check(false).refusal.empty());
}

TEST_CASE("a delayed dequeue is named") {
  Fixture f;
  CHECK(f.check(false).note.empty());
  f.fake.set_task(f.task, "se.sched_delayed", 1);
  CHECK(f.check(false).note ==
        "sched_delayed is set: the task sleeps, but its dequeue is still to come");
}
