// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/waiting_tasks.h"

#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/survey/sched_memory.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr char kTask[] = "struct task_struct";

// Three tasks, of which one is on its runqueue's runnable_list, and one in a DSQ.
struct Fixture {
  Fixture() : fake(FakeKernelShape{.task_list = true}) {
    fake.add_task(70, "asleep", 1);
    const GuestVirtual listed = fake.add_task(71, std::string_view("a\\b\xff", 4), 2, 1);
    const GuestVirtual list =
        fake.field(fake.per_cpu("runqueues", 1), "struct rq", "scx.runnable_list");
    fake.link(list, fake.field(listed, kTask, "scx.runnable_node"));
    fake.set_task(listed, "scx.runnable_at", 4294892296 - 500);
    fake.put(fake.field(listed, kTask, "cpus_mask"), 2, 8);
    const GuestVirtual queued = fake.add_task(72, "queued", 3);
    const GuestVirtual queue = fake.allocate(64);
    fake.set(queue, "struct scx_dispatch_q", "id", 0x1f);
    fake.set_task(queued, "scx.dsq", queue.value);
    fake.set_task(queued, "scx.runnable_at", 4294892296);
  }

  void check(const WaitingTasks& found) const {
    CHECK(found.total == 2);
    REQUIRE(found.tasks.size() == 2);
    const WaitingTask& first = found.tasks[0];
    CHECK(first.pid == 71);
    CHECK(first.comm == "a\\b\xff");
    CHECK(first.name() == "a\\\\b\\xff[71]");
    CHECK(first.dsq.empty());
    CHECK(!first.waiting_ms);  // HZ of this kernel is not known
    CHECK(first.cpus == "1");
    CHECK(first.last_cpu == 1);
    CHECK(found.tasks[1].pid == 72);
    CHECK(found.tasks[1].dsq == "user 0x1f");
  }

  FakeKernel fake;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the tasks on a runnable_list or in a DSQ wait") {
  const WaitingTasks found = must(find_waiting_tasks(fake.kernel(), fake.memory()));
  check(found);
  CHECK(!found.incomplete);
}

TEST_CASE_METHOD(Fixture, "what a survey recorded is enough to find them after the thaw") {
  RecordingMemory recording;
  recording.begin(fake.memory());
  (void)SchedMemory(fake.kernel()).record(recording);
  const RecordedFrames recorded(recording);
  // The guest has run on.
  for (std::byte& byte : fake.live_ram()) byte = std::byte{0};
  const WaitingTasks found = must(find_waiting_tasks(fake.kernel(), recorded));
  check(found);
  CHECK(!found.incomplete);
}

TEST_CASE_METHOD(Fixture, "without the first task nobody is found") {
  RecordingMemory recording;
  recording.begin(fake.memory());
  CHECK(find_waiting_tasks(fake.kernel(), RecordedFrames(recording)).error().code ==
        ErrorCode::kNotApplicable);
}

TEST_CASE("a kernel without sched_ext has nobody who waits in it") {
  FakeKernel fake({.sched_ext = false, .task_list = true});
  CHECK(find_waiting_tasks(fake.kernel(), fake.memory()).error().code == ErrorCode::kNotApplicable);
}

}  // namespace ktape::test
