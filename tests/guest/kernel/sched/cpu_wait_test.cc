// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/cpu_wait.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

TEST_CASE("a task waits for a CPU while it is on a runqueue and not on a CPU") {
  FakeKernel kernel;
  const CpuWait wait = must(CpuWait::create(kernel.kernel()));
  const GuestVirtual agent = kernel.add_task(1, "init", 10);
  CHECK_FALSE(must(wait.waits(kernel.memory(), Pid(1))));
  kernel.set_task(agent, "on_rq", 1);
  CHECK(must(wait.waits(kernel.memory(), Pid(1))));
  kernel.set_task(agent, "on_cpu", 1);
  CHECK_FALSE(must(wait.waits(kernel.memory(), Pid(1))));
  CHECK(wait.waits(kernel.memory(), Pid(2)).error().code == ErrorCode::kNotFound);
}

TEST_CASE("a task is blocked while it waits where no signal reaches it") {
  FakeKernel kernel;
  const CpuWait wait = must(CpuWait::create(kernel.kernel()));
  const GuestVirtual agent = kernel.add_task(1, "init", 10);
  kernel.set_task(agent, "__state", 1);
  CHECK_FALSE(must(wait.is_blocked(kernel.memory(), Pid(1))));
  kernel.set_task(agent, "__state", 2);
  CHECK(must(wait.is_blocked(kernel.memory(), Pid(1))));
  kernel.set_task(agent, "on_rq", 1);
  CHECK_FALSE(must(wait.is_blocked(kernel.memory(), Pid(1))));
}

}  // namespace ktape::test
