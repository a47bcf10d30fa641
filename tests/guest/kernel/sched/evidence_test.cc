// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/evidence.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>
#include <string_view>

#include "tests/support/kernel/fake_kernel.h"

using namespace ktape;
using namespace ktape::test;

TEST_CASE("each CPU has its preempt count, current task and runqueue lock") {
  FakeKernel fake;
  for (uint32_t cpu = 0; cpu < FakeKernel::kCpus; ++cpu) {
    const GuestVirtual task =
        fake.add_task(static_cast<int32_t>(100 + cpu), cpu == 0 ? "first" : "second", 10'000'000);
    fake.put(fake.per_cpu("current_task", cpu), task.value, 8);
    fake.put(fake.per_cpu("__preempt_count", cpu), 0x80000000 | (cpu + 1), 4);
  }
  fake.set_rq(1, "__lock.raw_lock.val.counter", 1);
  const auto cpus = EvidenceReader(fake.kernel()).read(fake.memory()).cpus;
  REQUIRE(cpus.size() == 2);
  CHECK(cpus[0].known);
  CHECK(cpus[0].preempt_count == 1);
  CHECK(cpus[0].current_pid == Pid(100));
  CHECK(cpus[0].current_comm == "first");
  CHECK_FALSE(cpus[0].runqueue_locked);
  CHECK(cpus[1].preempt_count == 2);
  CHECK(cpus[1].current_comm == "second");
  CHECK(cpus[1].runqueue_locked);
}

TEST_CASE("each CPU has the policy, class and priority of its current task") {
  FakeKernel fake;
  const GuestVirtual task = fake.add_task(100, "rthog", 10'000'000);
  fake.put(fake.per_cpu("current_task", 0), task.value, 8);
  fake.set(task, "struct task_struct", "policy", 1);
  fake.set(task, "struct task_struct", "sched_class", fake.symbol("ext_sched_class").value);
  fake.set(task, "struct task_struct", "prio", 49);
  fake.set(task, "struct task_struct", "rt_priority", 50);
  const CpuEvidence seen = EvidenceReader(fake.kernel()).read(fake.memory()).cpus[0];
  REQUIRE(seen.known);
  CHECK(seen.current_policy == 1);
  CHECK(seen.current_class == fake.symbol("ext_sched_class"));
  CHECK(seen.current_priority == 49);
  CHECK(seen.current_rt_priority == 50u);
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::VcpuState>();
  write_evidence(fake.kernel(), seen, record);
  CHECK(record.getCurrentPolicy() == 1);
  CHECK(std::string_view(record.getCurrentClass().cStr()) == "ext_sched_class");
  CHECK(record.getCurrentPriority() == 49);
  CHECK(record.getCurrentRtPriority() == 50);
  // Neither read nor written if an older recorder did not.
  CHECK_FALSE(EvidenceReader(fake.kernel()).read(fake.memory(), false).cpus[0].current_policy);
}

TEST_CASE("kernels that keep the hot variables together are understood") {
  FakeKernel fake(FakeKernelShape{.per_cpu_hot = true});
  const GuestVirtual task = fake.add_task(7, "hot", 10'000'000);
  const GuestVirtual hot = fake.per_cpu("pcpu_hot", 0);
  fake.set(hot, "struct pcpu_hot", "current_task", task.value);
  fake.set(hot, "struct pcpu_hot", "preempt_count", 0x80000003);
  const auto cpus = EvidenceReader(fake.kernel()).read(fake.memory()).cpus;
  CHECK(cpus[0].known);
  CHECK(cpus[0].preempt_count == 3);
  CHECK(cpus[0].current_pid == Pid(7));
}

TEST_CASE("a CPU whose current task cannot be read is not known") {
  FakeKernel fake;
  CHECK_FALSE(EvidenceReader(fake.kernel()).read(fake.memory()).cpus[0].known);
}

TEST_CASE("the bypass depth is a variable, or the root scheduler's") {
  FakeKernel global;
  global.put(global.symbol("scx_bypass_depth"), 2, 4);
  CHECK(EvidenceReader(global.kernel()).read(global.memory()).bypass_depth == 2);

  FakeKernel own(FakeKernelShape{.bypass_per_scheduler = true});
  CHECK(EvidenceReader(own.kernel()).read(own.memory()).bypass_depth == 0);
  const GuestVirtual sched = own.allocate(64);
  own.set(sched, "struct scx_sched", "bypass_depth", 3);
  own.put(own.symbol("scx_root"), sched.value, 8);
  CHECK(EvidenceReader(own.kernel()).read(own.memory()).bypass_depth == 3);
}

TEST_CASE("the fields behind the evidence are recorded once") {
  FakeKernel fake;
  EvidenceReader reader(fake.kernel());
  CHECK_FALSE(reader.take_used_layouts().empty());
  (void)reader.read(fake.memory());
  CHECK(reader.take_used_layouts().empty());
}

TEST_CASE("the context of a CPU is the innermost one in its preempt count") {
  FakeKernel fake;
  const GuestVirtual task = fake.add_task(100, "t", 10'000'000);
  fake.put(fake.per_cpu("current_task", 0), task.value, 8);
  const EvidenceReader reader(fake.kernel());
  const auto context = [&](uint64_t count) {
    fake.put(fake.per_cpu("__preempt_count", 0), 0x80000000 | count, 4);
    return reader.read(fake.memory()).cpus[0].context;
  };
  CHECK(context(0x1) == ExecContext::kTask);
  CHECK(context(0x201) == ExecContext::kTask);  // bottom halves are only disabled
  CHECK(context(0x101) == ExecContext::kSoftirq);
  CHECK(context(0x10101) == ExecContext::kHardirq);
  CHECK(context(0x110001) == ExecContext::kNmi);
}

TEST_CASE("the sequence count that protects jiffies is evidence") {
  FakeKernel fake;
  fake.put(fake.symbol("jiffies_seq"), 7, 4);
  const Evidence evidence = EvidenceReader(fake.kernel()).read(fake.memory());
  REQUIRE(evidence.seqcounts.size() == 1);
  CHECK(evidence.seqcounts[0].name == "jiffies_seq");
  CHECK(evidence.seqcounts[0].sequence == 7);
}

TEST_CASE("a kernel without sched_ext has no bypass depth") {
  FakeKernel fake(FakeKernelShape{.sched_ext = false, .bypass_per_scheduler = true});
  CHECK(EvidenceReader(fake.kernel()).read(fake.memory()).bypass_depth == -1);
}
