// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/sched_ext_state.h"

#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/sched/scx_exit.h"
#include "tests/support/kernel/fake_scheduler.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

class Schedulers {
 public:
  FakeKernel kernel;
  std::unique_ptr<SchedExtReader> reader = must(SchedExtReader::create(kernel.kernel()));
  FakeScheduler root{kernel, "first"};
};

}  // namespace

TEST_CASE_METHOD(Schedulers, "without a scheduler no scheduler is attached") {
  CHECK(must(reader->linked(kernel.memory())).addresses.empty());
}

TEST_CASE_METHOD(Schedulers, "a scheduler is read with its name, its callbacks and its timeout") {
  root.become_root();
  REQUIRE(must(reader->linked(kernel.memory())).addresses == std::vector{root.address()});
  const SchedulerState state = must(reader->read(kernel.memory(), root.address()));
  CHECK(state.name == "first");
  CHECK(state.ops == std::vector<std::string>{"enqueue", "exit"});
  CHECK(state.timeout_ms == 5000);
  CHECK_FALSE(state.partial);
  CHECK(state.parent.value == 0);
  root.set("ops.flags", 8);
  CHECK(must(reader->read(kernel.memory(), root.address())).partial);
}

TEST_CASE_METHOD(Schedulers, "an exit is ignored until the kernel has filled it in") {
  CHECK_FALSE(must(reader->exit(kernel.memory(), root.address())).has_value());
  const std::string dump(10'000, 'd');  // over more than one page
  root.set_exit(1026, "runnable task stall", "task[7] failed to run", dump);
  const auto exit = must(reader->exit(kernel.memory(), root.address()));
  REQUIRE(exit.has_value());
  CHECK(exit->kind == 1026);
  CHECK(exit->exit_code == -3);
  CHECK(exit->reason == "runnable task stall");
  CHECK(exit->message == "task[7] failed to run");
  CHECK(exit->dump == dump);
}

TEST_CASE_METHOD(Schedulers,
                 "an exit that the kernel is still writing does not count as complete") {
  root.begin_exit(1026, "runnable task stall", "task[7] failed to run");
  CHECK_FALSE(must(reader->exit(kernel.memory(), root.address())).has_value());
  const auto so_far = must(reader->exit_so_far(kernel.memory(), root.address()));
  REQUIRE(so_far.has_value());
  CHECK(so_far->message == "task[7] failed to run");
  CHECK(so_far->dump.empty());
}

TEST_CASE_METHOD(Schedulers, "a scheduler's object says that it was enabled, and keeps saying it") {
  root.become_root();
  CHECK_FALSE(must(reader->was_enabled(kernel.memory(), root.address())));
  root.become_enabled();
  CHECK(must(reader->was_enabled(kernel.memory(), root.address())));
  root.set_exit(64, "unregistered from user space", "", "");
  root.leave();
  CHECK(must(reader->was_enabled(kernel.memory(), root.address())));
}

TEST_CASE_METHOD(Schedulers, "sub-schedulers are told apart by parent and cgroup") {
  FakeScheduler child(kernel, "second");
  root.become_root();
  child.become_child_of(root, "/work");
  REQUIRE(must(reader->linked(kernel.memory())).addresses ==
          std::vector{root.address(), child.address()});
  const SchedulerState state = must(reader->read(kernel.memory(), child.address()));
  CHECK(state.parent == root.address());
  CHECK(state.cgroup == "/work");
}

TEST_CASE_METHOD(Schedulers, "a list of sub-schedulers that runs in circles ends") {
  FakeScheduler child(kernel, "second");
  root.become_root();
  child.become_child_of(root, "/work");
  const GuestVirtual sibling = kernel.field(child.address(), "struct scx_sched", "sibling");
  kernel.put(sibling, sibling.value, 8);
  CHECK(must(reader->linked(kernel.memory())).addresses.size() == 2);
}

TEST_CASE_METHOD(Schedulers,
                 "pointers that lead nowhere are errors, and texts that lead nowhere are empty") {
  root.set("exit_info", FakeKernel::kNoRam.value);
  CHECK_FALSE(reader->exit_so_far(kernel.memory(), root.address()).ok());
  kernel.put(kernel.symbol("scx_root"), FakeKernel::kNoRam.value, 8);
  CHECK_FALSE(reader->linked(kernel.memory()).ok());
  root.set("cgrp_path", FakeKernel::kNoRam.value);
  root.set("level", 1);
  CHECK(must(reader->read(kernel.memory(), root.address())).cgroup.empty());
}

TEST_CASE_METHOD(Schedulers,
                 "the scheduler that is about to be freed follows from the function's argument") {
  const GuestVirtual work = kernel.field(root.address(), "struct scx_sched", "rcu_work.work");
  CHECK(reader->scheduler_to_free(work.value) == root.address());
  CHECK(reader->free_function() == kernel.symbol("scx_sched_free_rcu_work"));
}

TEST_CASE_METHOD(Schedulers, "so does the scheduler that is about to exit") {
  const GuestVirtual work = kernel.field(root.address(), "struct scx_sched", "error_irq_work");
  CHECK(reader->scheduler_to_exit(work.value) == root.address());
  CHECK(reader->exit_function() == kernel.symbol("scx_error_irq_workfn"));
}

TEST_CASE("a kernel without sched_ext has no schedulers to read") {
  FakeKernel kernel(FakeKernelShape{.sched_ext = false});
  CHECK_FALSE(SchedExtReader::create(kernel.kernel()).ok());
}

TEST_CASE("stock kernels have all the fields of a scheduler where ktape reads them") {
  for (const char* series : {"6.16", "6.19", "7.3"}) {
    if (!is_cached(series)) SKIP(not_cached(series));
    INFO(version_for(series));
    const auto knowledge =
        must(learn_kernel(must(load_kernel_image(cached_kernel(series))).vmlinux));
    for (const char* symbol :
         {"scx_root", "scx_sched_free_rcu_work", "scx_enable_seq", "__scx_enabled"}) {
      CHECK(knowledge->symbols.find(symbol).has_value());
    }
    for (const char* path : {"ops.name", "ops.flags", "ops.timeout_ms", "exit_info", "exit_kind",
                             "kobj", "rcu_work.work"}) {
      CHECK(knowledge->btf->has_field("struct scx_sched", path));
    }
    for (const char* path : {"kind", "exit_code", "reason", "msg", "dump"}) {
      CHECK(knowledge->btf->has_field("struct scx_exit_info", path));
    }
    CHECK(
        knowledge->btf->has_field("struct scx_sched", std::string(scx_exit_argument(*knowledge))));
    CHECK(knowledge->btf->enumerator("scx_exit_kind", "SCX_EXIT_DONE") == 1);
  }
}

}  // namespace ktape::test
