// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/dsq_lock.h"

#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/ops/op_executor.h"
#include "schema/terms/entry_note.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/kernel/make_op.h"

// What a reply says about the lock of the dispatch queue in which a value was read.
namespace ktape::test {

namespace {

constexpr int32_t kHolderPid = 77;
constexpr uint64_t kHolderStart = 5230000000;
constexpr char kLock[] = "lock.raw_lock.val.counter";

// A task that waits in one of its scheduler's queues.
struct Fixture {
  Fixture()
      : task(fake.add_task(kHolderPid, "waiting", kHolderStart)),
        dsq(fake.allocate(48)),
        executor(fake.kernel()) {
    fake.set(dsq, kDispatchQueue, "id", 42);
    const GuestVirtual list = fake.field(dsq, kDispatchQueue, "list");
    fake.put(list, list.value, 8);
    fake.put(list + 8, list.value, 8);
    fake.link(list, fake.field(task, "struct task_struct", "scx.dsq_list.node"));
    fake.set_task(task, "scx.dsq", dsq.value);
  }

  void hold() { fake.set(dsq, kDispatchQueue, kLock, 1); }
  OpResult read(OpTarget target) {
    return executor.read(fake.memory(), {read_of(std::move(target))}).at(0);
  }
  OpResult of_task(std::string_view path) {
    return read(task_target(kHolderPid, kHolderStart, path));
  }
  OpResult of_queue(std::string_view path) {
    return read(virtual_target(dsq, kDispatchQueue, path));
  }
  GuestVirtual local_queue(uint32_t cpu) {
    return fake.field(fake.per_cpu("runqueues", cpu), "struct rq", "scx.local_dsq");
  }

  FakeKernel fake;
  GuestVirtual task;
  GuestVirtual dsq;
  OpExecutor executor;
};

constexpr char kTasksOfQueue[] = "list{list struct task_struct scx.dsq_list.node 8}.pid";

}  // namespace

TEST_CASE(
    "a value in a dispatch queue says whether the queue's lock was held, whatever path led to it") {
  Fixture f;
  CHECK(f.of_task("scx.dsq->id").note == kDsqLockFree);
  CHECK(f.of_queue("nr").note == kDsqLockFree);
  CHECK(f.of_queue(kTasksOfQueue).note == kDsqLockFree);
  f.hold();
  CHECK(f.of_task("scx.dsq->id").note == kDsqLockHeld);
  CHECK(f.of_queue("nr").note == kDsqLockHeld);
  CHECK(f.of_queue(kTasksOfQueue).note == kDsqLockHeld);
}

TEST_CASE("a task's place in a dispatch queue says only that the queue's lock was held") {
  Fixture f;
  CHECK(f.of_task("scx.dsq").note.empty());
  f.hold();
  CHECK(f.of_task("scx.dsq").note == kDsqLockHeld);
  CHECK(f.of_task("scx.dsq_vtime").note == kDsqLockHeld);
  CHECK(f.of_task("scx.dsq_list.node.next").note == kDsqLockHeld);
  CHECK(f.of_task("scx.dsq").protecting_cpu == 0);
  // The rest of the task does not belong to the queue.
  CHECK(f.of_task("pid").note.empty());
  CHECK(f.of_task("scx.flags").note.empty());
}

TEST_CASE("a task that is in no queue has no queue lock") {
  Fixture f;
  f.hold();
  f.fake.set_task(f.task, "scx.dsq", 0);
  CHECK(f.of_task("scx.dsq").note.empty());
}

TEST_CASE("a CPU's local queue is under that CPU's runqueue lock") {
  Fixture f;
  f.fake.set(f.local_queue(1), kDispatchQueue, "id", (uint64_t{1} << 63) | 2);
  f.fake.set(f.local_queue(1), kDispatchQueue, kLock, 1);  // nobody takes it
  f.fake.set_task(f.task, "scx.dsq", f.local_queue(1).value);
  const OpResult id = f.of_task("scx.dsq->id");
  CHECK(id.note.empty());
  CHECK(id.protecting_cpu == 1);
  CHECK(f.of_task("scx.dsq").note.empty());
}

TEST_CASE("a queue that only claims to be a local one has its own lock") {
  Fixture f;
  f.fake.set(f.dsq, kDispatchQueue, "id", (uint64_t{1} << 63) | 2);
  f.hold();
  CHECK(f.of_task("scx.dsq->id").note == kDsqLockHeld);
  CHECK(f.of_task("scx.dsq->id").protecting_cpu == -1);
}

TEST_CASE("the CPUs' local queues are looked up once for many queues") {
  Fixture f;
  for (const GuestVirtual queue : {f.local_queue(0), f.local_queue(1), f.dsq})
    f.fake.set(queue, kDispatchQueue, "id", (uint64_t{1} << 63) | 2);
  LayoutLog log(f.fake.kernel().btf());
  const DsqLock lock(f.fake.kernel(), log);
  LocalQueues known;
  CHECK(lock.local_to(f.fake.memory(), f.local_queue(1), known) == CpuId(1));
  REQUIRE(known);
  CHECK(known->size() == f.fake.kernel().facts().cpus);
  CHECK(lock.local_to(f.fake.memory(), f.local_queue(0), known) == CpuId(0));
  CHECK_FALSE(lock.local_to(f.fake.memory(), f.dsq, known));
  // The CPUs are not asked again.
  known->emplace(f.dsq, 1);
  CHECK(lock.local_to(f.fake.memory(), f.dsq, known) == CpuId(1));
}

TEST_CASE("the note about a queue is added to other notes") {
  Fixture f;
  f.fake.set_task(f.task, "se.sched_delayed", 1);
  CHECK(f.of_task("scx.dsq->id").note ==
        "sched_delayed is set: the task sleeps, but its dequeue is still to come; " +
            std::string(kDsqLockFree));
}

}  // namespace ktape::test
