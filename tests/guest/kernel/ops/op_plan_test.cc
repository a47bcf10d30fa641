// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_plan.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/kernel/make_op.h"

using namespace ktape;
using namespace ktape::test;
using schema::OpMode;
using schema::ValueKind;

namespace {

// The plans of a kernel that is not in any memory: only the facts of its image are used.
struct PlanFixture {
  explicit PlanFixture(const FakeKernelShape& shape = {})
      : knowledge(FakeKernel(shape).knowledge()), log(*knowledge->btf) {}

  Result<OpWidth> check(const Op& op, OpMode mode = OpMode::COLD) {
    KTAPE_ASSIGN(const TargetPlan plan, plan_target(*knowledge, op.target, log));
    return fit_op(plan, op, mode);
  }
  Error error(const Op& op, OpMode mode = OpMode::COLD) {
    const Result<OpWidth> checked = check(op, mode);
    REQUIRE_FALSE(checked.ok());
    return checked.error();
  }

  std::shared_ptr<const KernelKnowledge> knowledge;
  LayoutLog log;
};

OpTarget of_task(std::string_view path) { return task_target(0, 0, path); }

}  // namespace

TEST_CASE("an op on a task without a pid is planned and fitted without memory") {
  PlanFixture f;
  const auto width = f.check(write_of(of_task("scx.dsq_vtime"), u64_value(1)));
  REQUIRE(width.ok());
  CHECK(width->bytes == 8);
  CHECK(width->checked);
  CHECK(f.check(read_of(of_task("scx.dsq->id"))).ok());
  CHECK(f.check(read_of(of_task("stats{cpu 1}.a"))).ok());
  CHECK(f.check(read_of(per_cpu_target("runqueues", 1, "nr_running"), ValueKind::U32)).ok());
  CHECK(f.check(read_of(symbol_target("jiffies_64"), ValueKind::U64), OpMode::HOT).ok());
}

TEST_CASE("a misspelt symbol is refused with the nearest of its kind") {
  PlanFixture f;
  const Error plain = f.error(read_of(symbol_target("jifies_64"), ValueKind::U64));
  CHECK(plain.code == ErrorCode::kNotFound);
  CHECK(plain.message == "no symbol 'jifies_64' in this kernel");
  CHECK(plain.hint == "did you mean 'jiffies_64'?");
  CHECK(f.error(read_of(per_cpu_target("runqueue", 0, "nr_running"))).hint ==
        "did you mean 'runqueues'?");
  // A plain symbol would be of no use there.
  CHECK(f.error(read_of(per_cpu_target("jifies_64", 0, ""), ValueKind::U64)).hint.empty());
  CHECK(f.error(read_of(symbol_target("nothing_like_it"), ValueKind::U64)).hint.empty());
}

TEST_CASE("a per-CPU variable and a plain symbol are not confused") {
  PlanFixture f;
  const Error plain = f.error(read_of(symbol_target("runqueues"), ValueKind::U64));
  CHECK(plain.code == ErrorCode::kRefused);
  CHECK(plain.message == "'runqueues' is a per-CPU variable");
  CHECK(f.error(read_of(per_cpu_target("jiffies_64", 0, ""), ValueKind::U64)).message ==
        "'jiffies_64' is not a per-CPU variable");
}

TEST_CASE("each step of a path is checked against the types") {
  PlanFixture f;
  const auto message = [&](std::string_view path) {
    return f.error(read_of(of_task(path))).message;
  };
  CHECK(message("scx.dsq_vtme") == "'struct sched_ext_entity' has no member 'dsq_vtme'");
  CHECK(message("pid->x") == "'pid->': 'pid_t' is not a pointer: cannot follow it");
  CHECK(message("scx.dsq->idd") == "'struct scx_dispatch_q' has no member 'idd'");
  CHECK(message("comm[16]") == "index 16 is outside 'char[16]'");
  CHECK(message("pid{cpu 0}") ==
        "'pid{cpu 0}': 'pid_t' is not a pointer: cannot take a CPU's instance");
  CHECK(message("reset_on_fork") == "'reset_on_fork' is a bit-field: it has no address of its own");
}

TEST_CASE("the type of a root may be a pointer, which the path follows") {
  PlanFixture f;
  const auto read = [](std::string type, std::string_view path) {
    return read_of(virtual_target(GuestVirtual(0x1000), std::move(type), path));
  };
  const auto width = f.check(read("struct scx_sched *", "->exit_info->kind"));
  REQUIRE(width.ok());
  CHECK(width->bytes == 4);
  CHECK(f.check(read("struct scx_sched *", "")).value().bytes == 8);
  CHECK(f.check(read("struct scx_sched *", "[1].exit_kind")).ok());
  const Error dot = f.error(read("struct scx_sched *", "exit_kind"));
  CHECK(dot.message == "'struct scx_sched *' has no members: cannot take 'exit_kind'");
  CHECK(dot.hint == "follow the pointer with '->'");
  CHECK(f.error(read("struct scx_shed *", "->x")).message ==
        "no type 'struct scx_shed' in this kernel's BTF");
  CHECK(f.error(read("struct scx_sched **", "->x")).message ==
        "no type 'struct scx_sched *' in this kernel's BTF");
  CHECK(f.error(read("*", "->x")).code == ErrorCode::kNotFound);
  CHECK(f.error(read("struct scx_sched *", ""), OpMode::HOT).code == ErrorCode::kRefused);
}

TEST_CASE("the container and the link of a list walk are checked against the types") {
  PlanFixture f;
  const auto error = [&](std::string_view walk) {
    return f.error(read_of(per_cpu_target("runqueues", 0, "scx.runnable_list" + std::string(walk))))
        .message;
  };
  CHECK(error("{list struct task_strut scx.runnable_node 8}.pid") ==
        "no type 'struct task_strut' in this kernel's BTF");
  CHECK(error("{list struct task_struct scx.runnable_nod 8}.pid") ==
        "'struct sched_ext_entity' has no member 'runnable_nod'");
  CHECK(error("{list struct task_struct scx.runnable_node 8}.pidd") ==
        "'struct task_struct' has no member 'pidd'");
}

TEST_CASE("widths and lengths are checked against the type that the path reaches") {
  PlanFixture f;
  CHECK(f.error(read_of(of_task("scx.dsq_vtime"), ValueKind::U32)).message ==
        "u32 was asked, and 'u64' has 8 bytes");
  CHECK(f.error(write_of(of_task("scx.dsq_vtime"), u32_value(1))).message ==
        "u32 was asked, and 'u64' has 8 bytes");
  CHECK(f.error(read_of(of_task("comm"), ValueKind::BYTES, 17)).message ==
        "17 bytes were asked, and 'char[16]' has 16");
  CHECK(f.error(read_of(virtual_target(GuestVirtual(0x1000), ""))).message ==
        "this target has no type in BTF");
}

TEST_CASE("a hot op that is invalid only because of its types is refused") {
  PlanFixture f;
  const Error wide = f.error(read_of(per_cpu_target("runqueues", 0, "")), OpMode::HOT);
  CHECK(wide.code == ErrorCode::kRefused);
  CHECK(wide.message.starts_with("a hot read takes one value of 1, 2, 4 or 8 bytes, not "));
  CHECK(wide.hint == "make it cold: it is then served in a freeze");
  CHECK(f.error(read_of(per_cpu_target("runqueues", 0, "curr->pid")), OpMode::HOT).message ==
        "a hot read cannot follow pointers");
}

TEST_CASE("a kernel without sched_ext serves ops that do not need it") {
  PlanFixture f({.sched_ext = false});
  CHECK(f.check(read_of(of_task("pid"))).ok());
  CHECK(f.check(read_of(per_cpu_target("runqueues", 0, "nr_running"))).ok());
  CHECK(f.error(read_of(of_task("scx.dsq_vtime"))).message ==
        "'struct task_struct' has no member 'scx'");
}
