// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

namespace {

TapeEntry vtime(int32_t cpu) {
  return {
      .tag = "vtime", .target = task_target("w", 70, 5'000'000'000, "scx.dsq_vtime"), .protecting_cpu = cpu};
}

// Two CPUs whose state is known; those in `locked` have their runqueue locked.
std::function<void(schema::Frozen::Builder)> cpus(std::set<unsigned> locked, uint32_t jiffies_seq = 0) {
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

}  // namespace

TEST_CASE("values that were read while their lock was free pass, counted by freeze") {
  TapeUnderTest tape;
  tape->frozen = cpus({1});
  tape->op({vtime(0), vtime(0)});
  tape.judge();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() == "seq 5: freeze 1: 2 values read, no lock or sequence count of theirs was held\n");
}

TEST_CASE("a value that was read while its runqueue lock was held is marked") {
  TapeUnderTest tape;
  tape->frozen = cpus({1});
  tape->op({vtime(0), vtime(1)});
  tape.judge();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() ==
        "seq 5: 'vtime' was read in freeze 1 while the runqueue lock of CPU 1 was held, that CPU being in "
        "enqueue_task_scx+0x1f\n");
}

TEST_CASE("a value whose task was locked is marked by its gate") {
  TapeUnderTest tape;
  tape->frozen = cpus({});
  TapeEntry entry = vtime(0);
  entry.gates = {{schema::Gate::UNLOCKED, schema::GateOutcome::FAILED, "pi_lock=1"}};
  tape->op({entry});
  tape.judge();
  CHECK(tape.undecided() ==
        "seq 6: 'vtime' was read in freeze 1 while a lock of its task was held: pi_lock=1\n");
}

TEST_CASE("jiffies are marked while their sequence count is odd, and trusted while it is even") {
  TapeUnderTest tape;
  tape->frozen = cpus({}, 6);
  tape->op({{.tag = "ticks", .target = symbol_target("jiffies_64"), .value = 1}});
  tape->frozen = cpus({}, 7);
  tape->op({{.tag = "ticks", .target = symbol_target("jiffies_64"), .value = 1}});
  tape.judge();
  CHECK(tape.confirmed() == "seq 5: freeze 1: 1 value read, no lock or sequence count of theirs was held\n");
  CHECK(tape.undecided() == "seq 10: 'ticks' was read in freeze 2 while jiffies_seq was odd\n");
}

TEST_CASE("values whose protection nobody knows are not judged") {
  TapeUnderTest tape;
  tape->frozen = cpus({0, 1}, 1);
  tape->op({{.tag = "loops", .target = symbol_target("loops_per_jiffy"), .value = 1}});
  tape.judge();
  CHECK(tape.verdict() == Verdict::kInconclusive);
}

TEST_CASE("a protected value in a freeze without evidence is inconclusive") {
  TapeUnderTest tape;
  tape->op({vtime(0)});
  tape.judge();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 5: 'vtime': the state of CPU 0 is not known\n");
}

TEST_CASE("a read that was refused is nothing to mark") {
  TapeUnderTest tape;
  tape->frozen = cpus({0});
  TapeEntry refused = vtime(0);
  refused.status = schema::EntryStatus::REFUSED;
  tape->op({refused, vtime(1)});
  tape.judge();
  CHECK(tape.verdict() == Verdict::kPass);
}

}  // namespace ktape::test
