// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/running_tasks.h"

#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/kernel_image.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/must.h"
#include "tests/support/stock_kernel.h"

namespace ktape::test {

namespace {

constexpr uint32_t kFifo = 1;

class Runqueues {
 public:
  GuestVirtual run(uint32_t cpu, int32_t pid, std::string_view comm) {
    const GuestVirtual task = kernel.add_task(pid, comm, 1'000'000'000, cpu);
    kernel.set_task(task, "on_rq", 1);
    kernel.set_task(task, "on_cpu", 1);
    kernel.set_rq(cpu, "curr", task.value);
    return task;
  }

  FakeKernel kernel;
};

}  // namespace

TEST_CASE_METHOD(Runqueues, "who runs is told with class and priority, CPU by CPU") {
  const GuestVirtual hog = run(0, 124, "rthog");
  kernel.set_task(hog, "policy", kFifo);
  kernel.set_task(hog, "rt_priority", 99);
  run(1, 0, "swapper/1");
  const auto running = must(RunningTasks::create(kernel.kernel())).read(kernel.memory());
  REQUIRE(running.size() == 2);
  REQUIRE((running[0] && running[1]));
  CHECK(running[0]->text() == "rthog[124] (FIFO 99)");
  CHECK(running[1]->text() == "nothing");
}

TEST_CASE_METHOD(Runqueues, "a CPU whose task cannot be read is told apart from one that idles") {
  run(0, 7, "sleeper");
  kernel.set_rq(1, "curr", FakeKernel::kNoRam.value);
  const auto running = must(RunningTasks::create(kernel.kernel())).read(kernel.memory());
  CHECK(running[0]->text() == "sleeper[7] (NORMAL)");
  CHECK_FALSE(running[1].has_value());
}

TEST_CASE_METHOD(Runqueues, "a task waits for a CPU while it is on a runqueue and on no CPU") {
  const RunningTasks tasks = must(RunningTasks::create(kernel.kernel()));
  const GuestVirtual agent = kernel.add_task(1, "init", 10);
  CHECK_FALSE(must(tasks.waits_for_cpu(kernel.memory(), Pid(1))));
  kernel.set_task(agent, "on_rq", 1);
  CHECK(must(tasks.waits_for_cpu(kernel.memory(), Pid(1))));
  kernel.set_task(agent, "on_cpu", 1);
  CHECK_FALSE(must(tasks.waits_for_cpu(kernel.memory(), Pid(1))));
  CHECK(tasks.waits_for_cpu(kernel.memory(), Pid(2)).error().code == ErrorCode::kNotFound);
}

TEST_CASE("stock kernels keep who runs where it is looked for") {
  for (const char* series : {"6.16", "6.19", "7.3"}) {
    if (!is_cached(series)) SKIP(not_cached(series));
    INFO(version_for(series));
    const auto knowledge = must(learn_kernel(must(load_kernel_image(cached_kernel(series))).vmlinux));
    CHECK(knowledge->btf->has_field("struct rq", "curr"));
    CHECK(knowledge->btf->has_field("struct task_struct", "rt_priority"));
  }
}

}  // namespace ktape::test
