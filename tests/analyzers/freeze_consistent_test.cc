// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

namespace {

TapeEntry vtime(int32_t cpu) {
  return {.tag = "vtime",
          .target = task_target("w", 70, 5'000'000'000, "scx.dsq_vtime"),
          .protecting_cpu = cpu};
}

// Two CPUs whose state is known; those in `locked` have their runqueue locked.
std::function<void(schema::Frozen::Builder)> cpus(std::set<unsigned> locked,
                                                  uint32_t jiffies_seq = 0) {
  return [=](schema::Frozen::Builder frozen) {
    auto vcpus = frozen.initVcpus(2);
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      vcpus[cpu].setCpu(cpu);
      vcpus[cpu].setKernelStateKnown(true);
      vcpus[cpu].setRunqueueLocked(locked.contains(cpu));
      vcpus[cpu].setSymbol("enqueue_task_scx+0x1f");
    }
    frozen.initSeqcounts(1)[0].setName("jiffies_seq");
    frozen.getSeqcounts()[0].setSequence(jiffies_seq);
  };
}

// A per-CPU variable that no lock protects.
TapeEntry counter(uint32_t cpu) {
  return {.tag = "counter", .target = per_cpu_target("kstat", cpu, "softirqs_sum"), .value = 1};
}

// CPU 0 as set by `fill`, and CPU 1 in user space.
std::function<void(schema::Frozen::Builder)> cpu0(
    const std::function<void(schema::VcpuState::Builder)>& fill) {
  return [=](schema::Frozen::Builder frozen) {
    auto vcpus = frozen.initVcpus(2);
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      vcpus[cpu].setCpu(cpu);
      vcpus[cpu].setKnown(true);
      vcpus[cpu].setKernelStateKnown(true);
      vcpus[cpu].setInterruptsEnabled(true);
      vcpus[cpu].setContext(schema::ExecContext::TASK);
      vcpus[cpu].setCurrentPid(70);
      vcpus[cpu].setCpl(3);
    }
    fill(vcpus[0]);
  };
}

// The undecided findings of a read of both CPUs' counters, with CPU 0 as set by `fill`.
std::string undecided_of(const std::function<void(schema::VcpuState::Builder)>& fill) {
  TapeUnderTest tape;
  tape->frozen = cpu0(fill);
  tape->op({counter(0), counter(1)});
  tape.evaluate();
  CHECK(tape.confirmed().find("freeze 1: " +
                              std::string(tape.undecided().empty() ? "2 values" : "1 value")) !=
        std::string::npos);
  return tape.undecided();
}

}  // namespace

TEST_CASE("values that were read while their lock was free pass, counted by freeze") {
  TapeUnderTest tape;
  tape->frozen = cpus({1});
  tape->op({vtime(0), vtime(0)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() ==
        "seq 5: freeze 1: 2 values read, none of their locks or sequence counts was held\n");
}

TEST_CASE("a value that was read while its runqueue lock was held is marked") {
  TapeUnderTest tape;
  tape->frozen = cpus({1});
  tape->op({vtime(0), vtime(1)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() ==
        "seq 5: 'vtime' was read in freeze 1 while the runqueue lock of CPU 1 was held, in "
        "enqueue_task_scx+0x1f\n");
}

TEST_CASE("a value whose task was locked is marked by its gate") {
  TapeUnderTest tape;
  tape->frozen = cpus({});
  TapeEntry entry = vtime(0);
  entry.gates = {{schema::Gate::UNLOCKED, schema::GateOutcome::FAILED, "pi_lock=1"}};
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.undecided() ==
        "seq 6: 'vtime' was read in freeze 1 while a lock of its task was held: pi_lock=1\n");
}

TEST_CASE("jiffies are marked while their sequence count is odd, and trusted while it is even") {
  TapeUnderTest tape;
  tape->frozen = cpus({}, 6);
  tape->op({{.tag = "ticks", .target = symbol_target("jiffies_64"), .value = 1}});
  tape->frozen = cpus({}, 7);
  tape->op({{.tag = "ticks", .target = symbol_target("jiffies_64"), .value = 1}});
  tape.evaluate();
  CHECK(tape.confirmed() ==
        "seq 5: freeze 1: 1 value read, none of their locks or sequence counts was held\n");
  CHECK(tape.undecided() == "seq 10: 'ticks' was read in freeze 2 while jiffies_seq was odd\n");
}

TEST_CASE(
    "a value in a dispatch queue is marked while the queue's lock was held, and trusted while it "
    "was free") {
  TapeUnderTest tape;
  tape->frozen = cpus({});
  TapeEntry entry = {
      .tag = "nr", .target = task_target("w", 70, 5'000'000'000, "scx.dsq->nr"), .value = 1};
  entry.note = "sched_delayed is set; the lock of its DSQ was free";
  tape->op({entry});
  entry.note = "the lock of its DSQ was held";
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.confirmed() ==
        "seq 5: freeze 1: 1 value read, none of their locks or sequence counts was held\n");
  CHECK(tape.undecided() ==
        "seq 10: 'nr' was read in freeze 2 while the lock of its DSQ was held\n");
}

TEST_CASE(
    "a task's place in a dispatch queue is marked while the queue's lock was held, though its "
    "runqueue was "
    "free") {
  TapeUnderTest tape;
  tape->frozen = cpus({});
  TapeEntry entry = vtime(0);
  entry.note = "the lock of its DSQ was held";
  tape->op({entry, vtime(0)});
  tape.evaluate();
  CHECK(tape.undecided() ==
        "seq 5: 'vtime' was read in freeze 1 while the lock of its DSQ was held\n");
}

TEST_CASE(
    "a per-CPU variable is trusted while its CPU is in user space, or in the kernel with all on") {
  CHECK(undecided_of([](schema::VcpuState::Builder) {}).empty());
  CHECK(undecided_of([](schema::VcpuState::Builder cpu) { cpu.setCpl(0); }).empty());
  CHECK(
      undecided_of([](schema::VcpuState::Builder cpu) {  // the idle task has preemption off, always
        cpu.setCpl(0);
        cpu.setCurrentPid(0);
        cpu.setPreemptCount(1);
      })
          .empty());
}

TEST_CASE("a per-CPU variable is marked while its CPU was inside an update") {
  const std::string read = "seq 5: 'counter' was read in freeze 1 while CPU 0 was in ";
  using Cpu = schema::VcpuState::Builder;
  CHECK(undecided_of([](Cpu cpu) { cpu.setContext(schema::ExecContext::SOFTIRQ); }) ==
        read + "a soft interrupt\n");
  CHECK(undecided_of([](Cpu cpu) { cpu.setContext(schema::ExecContext::HARDIRQ); }) ==
        read + "a hard interrupt\n");
  CHECK(undecided_of([](Cpu cpu) {
          cpu.setContext(schema::ExecContext::NMI);
          cpu.setSymbol("nmi_handle+0x10");
        }) == read + "an NMI, in nmi_handle+0x10\n");
  CHECK(undecided_of([](Cpu cpu) {
          cpu.setCpl(0);
          cpu.setInterruptsEnabled(false);
        }) == read + "the kernel with interrupts off\n");
  CHECK(undecided_of([](Cpu cpu) {
          cpu.setCpl(0);
          cpu.setPreemptCount(1);
        }) == read + "the kernel with preemption off\n");
  CHECK(undecided_of([](Cpu cpu) {
          cpu.setCpl(0);
          cpu.setCurrentPid(0);
          cpu.setPreemptCount(2);
        }) == read + "the kernel with preemption off\n");
}

TEST_CASE("a per-CPU variable is undecided where what its CPU was doing is not on the tape") {
  const std::string unknown = "seq 5: 'counter': what CPU 0 was doing is not known\n";
  CHECK(undecided_of([](schema::VcpuState::Builder cpu) { cpu.setKnown(false); }) == unknown);
  CHECK(undecided_of([](schema::VcpuState::Builder cpu) {
          cpu.setContext(schema::ExecContext::NOT_SAID);
        }) == unknown);
  CHECK(undecided_of([](schema::VcpuState::Builder cpu) { cpu.setKernelStateKnown(false); }) ==
        unknown);
}

TEST_CASE(
    "a value under a runqueue lock is trusted in an interrupt, which nobody takes with that lock "
    "held") {
  TapeUnderTest tape;
  tape->frozen =
      cpu0([](schema::VcpuState::Builder cpu) { cpu.setContext(schema::ExecContext::HARDIRQ); });
  tape->op({vtime(0)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("the target of a pointer in a per-CPU variable does not belong to that CPU alone") {
  TapeUnderTest tape;
  tape->frozen =
      cpu0([](schema::VcpuState::Builder cpu) { cpu.setContext(schema::ExecContext::HARDIRQ); });
  tape->op({{.tag = "far", .target = per_cpu_target("kstat", 0, "next->count"), .value = 1}});
  tape.evaluate();
  CHECK(tape.undecided().empty());
  CHECK(tape.confirmed().empty());
}

TEST_CASE("values with unknown protection are not judged") {
  TapeUnderTest tape;
  tape->frozen = cpus({0, 1}, 1);
  tape->op({{.tag = "loops", .target = symbol_target("loops_per_jiffy"), .value = 1}});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
}

TEST_CASE("a protected value in a freeze without evidence is inconclusive") {
  TapeUnderTest tape;
  tape->op({vtime(0)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 5: 'vtime': the state of CPU 0 is not known\n");
}

TEST_CASE("a refused read is not marked") {
  TapeUnderTest tape;
  tape->frozen = cpus({0});
  TapeEntry refused = vtime(0);
  refused.status = schema::EntryStatus::REFUSED;
  tape->op({refused, vtime(1)});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a lock held in an earlier try says nothing about the value read in the last") {
  TapeUnderTest tape;
  tape->request({vtime(0)});
  for (const uint64_t freeze : {1, 2}) {
    tape->add([&](schema::Record::Builder record) {
      record.initFrozen().setFreeze(freeze);
      cpus({})(record.getFrozen());
    });
    tape->add([&](schema::Record::Builder record) {
      auto gate = record.initGateChecked();
      gate.setOp(1);
      gate.setGate(schema::Gate::UNLOCKED);
      gate.setOutcome(freeze == 1 ? schema::GateOutcome::FAILED : schema::GateOutcome::PASSED);
      gate.setFreeze(freeze);
      gate.setTry(static_cast<uint32_t>(freeze));
    });
  }
  tape->add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    reply.setFreeze(2);
    reply.setTries(2);
    auto entry = reply.initEntries(1)[0];
    entry.setStatus(schema::EntryStatus::DONE);
    entry.setProtectingCpu(0);
  });
  tape.evaluate();
  CHECK(tape.undecided().empty());
  CHECK(tape.verdict() == Verdict::kPass);
}

}  // namespace ktape::test
