// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/scx_exit.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

TEST_CASE("the exit function of a kernel is found by its symbol") {
  FakeKernel fake;
  CHECK(scx_exit_function(*fake.knowledge()) == "scx_error_irq_workfn");
}

TEST_CASE("an exit is read from the scheduler that holds the irq_work") {
  FakeKernel fake;
  const GuestVirtual scheduler = fake.allocate(128);
  const GuestVirtual info = fake.allocate(64);
  const GuestVirtual text = fake.allocate(16);
  for (uint64_t i = 0; i < 5; ++i) fake.put(text + i, static_cast<uint64_t>("stall"[i]), 1);
  fake.set(scheduler, "struct scx_sched", "exit_info", info.value);
  fake.set(info, "struct scx_exit_info", "kind", 1026);
  fake.set(info, "struct scx_exit_info", "reason", text.value);
  fake.set(info, "struct scx_exit_info", "msg", FakeKernel::kNoRam.value);
  const ScxExitReader reader = must(ScxExitReader::create(fake.kernel()));
  const GuestVirtual work = fake.field(scheduler, "struct scx_sched", "error_irq_work");
  const ScxExit exit = must(reader.read(fake.memory(), work));
  CHECK(exit.error);
  CHECK(exit.kind_name == "SCX_EXIT_ERROR_STALL");
  CHECK(exit.reason == "stall");
  CHECK(exit.message.empty());  // what is not there is no text
  CHECK(exit.address == info);
  CHECK(exit.text() == "SCX_EXIT_ERROR_STALL (1026): stall");

  fake.set(info, "struct scx_exit_info", "kind", 64);
  CHECK_FALSE(must(reader.read(fake.memory(), work)).error);
}

TEST_CASE("an exit at an invalid address is an error, not a crash") {
  FakeKernel fake;
  const ScxExitReader reader = must(ScxExitReader::create(fake.kernel()));
  CHECK_FALSE(reader.read(fake.memory(), GuestVirtual(0)).ok());
  CHECK_FALSE(reader.read(fake.memory(), FakeKernel::kNoRam + 96).ok());
}

}  // namespace ktape::test
