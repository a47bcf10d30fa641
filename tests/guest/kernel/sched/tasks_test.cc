// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/tasks.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

using namespace ktape;
using ktape::test::FakeKernel;
using ktape::test::must;

namespace {

Result<std::optional<GuestVirtual>> find(FakeKernel& fake, int32_t pid) {
  LayoutLog log(fake.kernel().btf());
  return must(TaskFinder::create(fake.kernel(), log)).find(fake.memory(), Pid(pid));
}

}  // namespace

TEST_CASE("tasks are found by pid in every node of the IDR") {
  FakeKernel fake;
  const GuestVirtual first = fake.add_task(1, "init", 10'000'000);
  const GuestVirtual edge = fake.add_task(63, "edge", 10'000'000);
  const GuestVirtual far = fake.add_task(4095, "far", 10'000'000);
  CHECK(must(find(fake, 1)) == first);
  CHECK(must(find(fake, 63)) == edge);
  CHECK(must(find(fake, 4095)) == far);
}

TEST_CASE("pids that nobody has are not found") {
  FakeKernel fake;
  fake.add_task(5, "a", 10'000'000);
  for (int32_t pid : {0, 4, 6, 64, 4096, 1 << 22, -1})
    CHECK_FALSE(must(find(fake, pid)).has_value());
}

TEST_CASE("a pid whose task is gone is not found") {
  FakeKernel fake;
  fake.add_task(5, "a", 10'000'000);
  const GuestVirtual pid = fake.allocate(64);
  fake.set_idr_slot(5, pid.value);
  CHECK_FALSE(must(find(fake, 5)).has_value());
}

TEST_CASE("a tree without nodes holds its one pid only") {
  FakeKernel fake;
  const GuestVirtual task = fake.add_task(1, "init", 10'000'000);
  const uint64_t entry = fake.value(fake.idr_node(1), "struct xa_node", "slots[1]");
  fake.set(fake.symbol("init_pid_ns"), "struct pid_namespace", "idr.idr_rt.xa_head", entry);
  fake.set(fake.symbol("init_pid_ns"), "struct pid_namespace", "idr.idr_base", 1);
  CHECK(must(find(fake, 1)) == task);
  CHECK_FALSE(must(find(fake, 2)).has_value());
}

TEST_CASE("the base of an IDR is subtracted") {
  FakeKernel fake;
  const GuestVirtual task = fake.add_task(5, "a", 10'000'000);
  fake.set(fake.symbol("init_pid_ns"), "struct pid_namespace", "idr.idr_base", 2);
  CHECK(must(find(fake, 7)) == task);
  CHECK_FALSE(must(find(fake, 1)).has_value());
}

TEST_CASE("a circular IDR is refused, not followed forever") {
  FakeKernel fake;
  fake.add_task(5, "a", 10'000'000);
  const GuestVirtual leaf = fake.idr_node(5);
  fake.set_idr_slot(5, leaf.value | 2);
  const auto found = find(fake, 5);
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == ErrorCode::kBadInput);
  CHECK(found.error().message ==
        "the pid IDR is damaged: a node of shift 0 is at or below one of shift 0");
}

TEST_CASE("an IDR that leads out of memory is a memory error") {
  FakeKernel fake;
  fake.set_idr_slot(5, FakeKernel::kNoRam.value);
  const auto found = find(fake, 5);
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().code == ErrorCode::kOutOfRange);
}
