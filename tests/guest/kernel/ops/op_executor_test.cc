// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_executor.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/kernel/make_op.h"

using namespace ktape;
using namespace ktape::test;
using schema::EntryStatus;
using schema::ValueKind;

namespace {

constexpr int32_t kTaskPid = 77;
constexpr uint64_t kTaskStart = 5230000000;
constexpr uint64_t kMonth = 2592000000000000;

struct Fixture {
  explicit Fixture(const FakeKernelShape& shape = {})
      : fake(shape),
        task(fake.add_task(kTaskPid, "sleeper", kTaskStart + 4567)),
        executor(fake.kernel()) {}

  OpResult read(OpTarget target, ValueKind kind = ValueKind::AUTO, uint32_t length = 0) {
    return executor.read(fake.memory(), {read_of(std::move(target), kind, length)}).at(0);
  }
  OpResult write(OpTarget target, OpValue value, WriteKind kind = WriteKind::kStore) {
    return executor.write(fake.memory(), {write_of(std::move(target), std::move(value), kind)})
        .at(0);
  }
  OpResult hot(OpTarget target, ValueKind kind = ValueKind::AUTO, uint32_t length = 0) {
    return executor.read_hot(fake.memory(), read_of(std::move(target), kind, length));
  }
  OpTarget of_task(std::string_view path) { return task_target(kTaskPid, kTaskStart, path); }

  FakeKernel fake;
  GuestVirtual task;
  OpExecutor executor;
};

uint64_t number(const OpResult& result) {
  REQUIRE(result.status == EntryStatus::DONE);
  REQUIRE(result.value.has_value());
  return number_in(*result.value);
}

void check_refused(const OpResult& result, std::string_view reason) {
  CHECK(result.status == EntryStatus::REFUSED);
  CHECK(result.reason == reason);
  CHECK_FALSE(result.value.has_value());
}

void check_failed(const OpResult& result, std::string_view reason) {
  CHECK(result.status == EntryStatus::FAILED);
  CHECK(result.reason == reason);
  CHECK_FALSE(result.value.has_value());
}

}  // namespace

TEST_CASE("a task's field is written and reads back") {
  Fixture f;
  f.fake.set_task(f.task, "scx.dsq_vtime", 5);
  const OpResult written = f.write(f.of_task("scx.dsq_vtime"), u64_value(kMonth));
  CHECK(number(written) == kMonth);
  REQUIRE(written.before.has_value());
  CHECK(number_in(*written.before) == 5);
  CHECK(written.gates.size() == 12);
  CHECK(number(f.read(f.of_task("scx.dsq_vtime"), ValueKind::U64)) == kMonth);
}

TEST_CASE("a reply has the value's address, its type and what protects it") {
  Fixture f;
  f.fake.set_task(f.task, "thread_info.cpu", 1);
  const OpResult result = f.read(f.of_task("scx.dsq_vtime"), ValueKind::U64);
  CHECK(number(result) == 0);
  CHECK(result.virtual_address == f.fake.field(f.task, "struct task_struct", "scx.dsq_vtime"));
  CHECK(result.physical_address.value == result.virtual_address.value - 0xffff888000000000);
  CHECK(result.type == "u64");
  CHECK(result.width_bytes == 8);
  CHECK(result.width_checked);
  CHECK(result.protecting_cpu == 1);
}

TEST_CASE("per-CPU fields are typed, and each CPU has its own") {
  Fixture f;
  f.fake.set_rq(0, "nr_running", 3);
  f.fake.set_rq(1, "nr_running", 4);
  CHECK(number(f.read(per_cpu_target("runqueues", 0, "nr_running"), ValueKind::U32)) == 3);
  const OpResult other = f.read(per_cpu_target("runqueues", 1, "nr_running"));
  CHECK(number(other) == 4);
  CHECK(other.value->kind == ValueKind::U32);
  CHECK(other.protecting_cpu == 1);
  CHECK(other.type == "u32");
}

TEST_CASE("a plain symbol needs a width, and the reply says that it was not checked") {
  Fixture f;
  const OpResult result = f.read(symbol_target("jiffies_64"), ValueKind::U64);
  CHECK(number(result) == 4294892296);
  CHECK_FALSE(result.width_checked);
  CHECK(result.type.empty());
  CHECK(result.width_bytes == 8);
  CHECK(result.protecting_cpu == -1);
  check_refused(f.read(symbol_target("jiffies_64")),
                "this target has no type in BTF: ask for u8, u16, u32, u64 or bytes");
}

TEST_CASE("a width that is not BTF's is refused with both") {
  Fixture f;
  check_refused(f.read(f.of_task("scx.dsq_vtime"), ValueKind::U32),
                "u32 was asked, and 'u64' has 8 bytes");
  const OpResult written = f.write(f.of_task("scx.dsq_vtime"), u32_value(1));
  CHECK(written.status == EntryStatus::REFUSED);
  CHECK(written.reason == "u32 was asked, and 'u64' has 8 bytes");
  CHECK(f.fake.value(f.task, "struct task_struct", "scx.dsq_vtime") == 0);
}

TEST_CASE("an unknown member is refused with the nearest one") {
  Fixture f;
  check_refused(f.read(f.of_task("scx.dsq_vtim")),
                "'struct sched_ext_entity' has no member 'dsq_vtim': did you mean 'dsq_vtime'?");
}

TEST_CASE("a bit-field is refused by name") {
  Fixture f;
  check_refused(
      f.read(f.of_task("reset_on_fork")),
      "'reset_on_fork' is a bit-field: it has no address of its own: read the whole object, or the "
      "bytes around it");
}

TEST_CASE("unknown symbols and CPUs that do not exist are refused") {
  Fixture f;
  CHECK(f.read(symbol_target("jiffies_65"), ValueKind::U64).status == EntryStatus::REFUSED);
  check_refused(f.read(per_cpu_target("runqueues", 2, "nr_running")), "no CPU 2: the kernel has 2");
}

TEST_CASE("a per-CPU variable is not read as a plain symbol, nor vice versa") {
  Fixture f;
  check_refused(f.read(symbol_target("runqueues"), ValueKind::U64),
                "'runqueues' is a per-CPU variable: name its CPU: in a 'perCpu' target, or as "
                "'cpu0:runqueues' on a command line");
  check_refused(f.read(per_cpu_target("jiffies_64", 0, ""), ValueKind::U64),
                "'jiffies_64' is not a per-CPU variable: name it in a 'symbol' target");
}

TEST_CASE("a per-CPU variable without a type needs a width and takes no path") {
  Fixture f;
  f.fake.put(f.fake.per_cpu("untyped_counter", 1), 9, 4);
  const OpResult result = f.read(per_cpu_target("untyped_counter", 1, ""), ValueKind::U32);
  CHECK(number(result) == 9);
  CHECK_FALSE(result.width_checked);
  check_refused(f.read(per_cpu_target("untyped_counter", 1, "x"), ValueKind::U32),
                "'untyped_counter' has no type in this kernel's BTF: a path needs one: use a "
                "'virtual' target, "
                "which names the type that stands at an address");
}

TEST_CASE("a path follows pointers") {
  Fixture f;
  const GuestVirtual dsq = f.fake.allocate(48);
  f.fake.set(dsq, "struct scx_dispatch_q", "id", 42);
  f.fake.set_task(f.task, "scx.dsq", dsq.value);
  const OpResult result = f.read(f.of_task("scx.dsq->id"));
  CHECK(number(result) == 42);
  CHECK(result.virtual_address == f.fake.field(dsq, "struct scx_dispatch_q", "id"));
  // The DSQ has its own lock.
  CHECK(result.protecting_cpu == -1);
}

TEST_CASE("a pointer reads as a number, and its NULL is not followed") {
  Fixture f;
  CHECK(number(f.read(f.of_task("scx.dsq"))) == 0);
  check_failed(f.read(f.of_task("scx.dsq->id")), "'scx.dsq->': the pointer is NULL");
}

TEST_CASE("only a pointer can be followed, and a pointer has no members") {
  Fixture f;
  check_refused(f.read(f.of_task("pid->x")), "'pid->': 'pid_t' is not a pointer: cannot follow it");
  check_refused(
      f.read(f.of_task("parent.pid")),
      "'struct task_struct *' has no members: cannot take 'pid': follow the pointer with '->'");
}

TEST_CASE("an index selects from an array and from what a pointer points to") {
  Fixture f;
  CHECK(number(f.read(f.of_task("comm[1]"))) == 'l');
  const GuestVirtual table = f.fake.allocate(3 * 16);
  f.fake.put(table + 2 * 16 + 8, 0xabcd, 8);
  f.fake.set_task(f.task, "stats", table.value);
  CHECK(number(f.read(f.of_task("stats[2].b"))) == 0xabcd);
  check_refused(f.read(f.of_task("comm[16]")), "index 16 is outside 'char[16]'");
}

TEST_CASE("a per-CPU pointer leads to the instance of a CPU") {
  Fixture f;
  const uint64_t link = f.fake.symbol("untyped_counter").value;
  f.fake.set_task(f.task, "stats", link);
  f.fake.put(f.fake.per_cpu("untyped_counter", 1), 11, 8);
  CHECK(number(f.read(f.of_task("stats{cpu 1}.a"))) == 11);
  const OpResult nowhere = f.read(f.of_task("stats{cpu 5}.a"));
  CHECK(nowhere.status == EntryStatus::FAILED);
  CHECK(nowhere.reason == "no CPU 5: the kernel has 2");
}

TEST_CASE("an ordinary pointer has no instance for each CPU") {
  Fixture f;
  f.fake.set_task(f.task, "stats", f.fake.allocate(16).value);
  const OpResult result = f.read(f.of_task("stats{cpu 1}.a"));
  CHECK(result.status == EntryStatus::FAILED);
  CHECK(result.reason.starts_with("'stats{cpu 1}': the pointer is an ordinary one, to 0xffff"));
  CHECK(result.reason.ends_with(": it has no instance for each CPU: '->' follows it"));
}

TEST_CASE("a list walk gives one value for each entry, in list order") {
  Fixture f;
  const GuestVirtual list =
      f.fake.field(f.fake.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
  const std::string_view path =
      "scx.runnable_list{list struct task_struct scx.runnable_node 8}.pid";
  const OpResult empty = f.read(per_cpu_target("runqueues", 0, path));
  CHECK(empty.status == EntryStatus::DONE);
  CHECK(empty.is_list);
  CHECK(empty.list.empty());
  for (int32_t pid : {90, 91, 92}) {
    f.fake.link(list, f.fake.field(f.fake.add_task(pid, "w", kTaskStart), "struct task_struct",
                                   "scx.runnable_node"));
  }
  const OpResult three = f.read(per_cpu_target("runqueues", 0, path));
  REQUIRE(three.list.size() == 3);
  CHECK(number_in(three.list[0]) == 90);
  CHECK(number_in(three.list[1]) == 91);
  CHECK(number_in(three.list[2]) == 92);
  CHECK_FALSE(three.value.has_value());
}

TEST_CASE("a list that does not end is an error") {
  Fixture f;
  const GuestVirtual list =
      f.fake.field(f.fake.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
  const GuestVirtual node = f.fake.field(f.task, "struct task_struct", "scx.runnable_node");
  f.fake.link(list, node);
  f.fake.put(node, node.value, 8);
  check_failed(
      f.read(per_cpu_target("runqueues", 0,
                            "scx.runnable_list{list struct task_struct scx.runnable_node 8}.pid")),
      "'scx.runnable_list{list struct task_struct scx.runnable_node 8}': the list does not end "
      "within 8 "
      "entries");
  f.fake.put(node, 0, 8);
  check_failed(
      f.read(per_cpu_target("runqueues", 0,
                            "scx.runnable_list{list struct task_struct scx.runnable_node 8}.pid")),
      "'scx.runnable_list{list struct task_struct scx.runnable_node 8}': entry 1 of the list is "
      "NULL");
}

TEST_CASE("the kernel's own iterator in a DSQ does not count as a task") {
  Fixture f;
  const GuestVirtual dsq = f.fake.allocate(48);
  const GuestVirtual list = f.fake.field(dsq, "struct scx_dispatch_q", "list");
  f.fake.put(list, list.value, 8);
  f.fake.put(list + 8, list.value, 8);
  const GuestVirtual cursor = f.fake.allocate(24);
  f.fake.set(cursor, "struct scx_dsq_list_node", "flags", 1);
  f.fake.link(list, cursor);
  f.fake.link(list, f.fake.field(f.task, "struct task_struct", "scx.dsq_list.node"));
  const OpResult result = f.read(virtual_target(
      dsq, "struct scx_dispatch_q", "list{list struct task_struct scx.dsq_list.node 8}.pid"));
  REQUIRE(result.list.size() == 1);
  CHECK(number_in(result.list[0]) == kTaskPid);
}

TEST_CASE("only a list_head is walked, by a link that is one, once") {
  Fixture f;
  check_refused(
      f.read(per_cpu_target("runqueues", 0, "clock{list struct task_struct scx.runnable_node 8}")),
      "'clock{list struct task_struct scx.runnable_node 8}': 'u64' is not a 'struct list_head': "
      "cannot "
      "walk it");
  check_refused(
      f.read(per_cpu_target("runqueues", 0, "scx.runnable_list{list struct task_struct pid 8}")),
      "'scx.runnable_list{list struct task_struct pid 8}': 'pid' of 'struct task_struct' is a "
      "'pid_t', "
      "not a 'struct list_head'");
  const std::string walk = "scx.runnable_list{list struct task_struct scx.runnable_node 8}";
  CHECK(f.read(per_cpu_target(
                   "runqueues", 0,
                   walk + ".scx.runnable_node{list struct task_struct scx.runnable_node 8}"))
            .reason.ends_with("a path walks one list only"));
}

TEST_CASE("a write does not walk a list") {
  Fixture f;
  check_refused(
      f.write(per_cpu_target("runqueues", 0,
                             "scx.runnable_list{list struct task_struct scx.runnable_node 8}.pid"),
              u32_value(1)),
      "a write goes to one place, and this path walks a list");
}

TEST_CASE("a virtual address with a type is typed, and without one needs a width") {
  Fixture f;
  f.fake.set_rq(1, "nr_running", 6);
  const GuestVirtual rq = f.fake.per_cpu("runqueues", 1);
  const OpResult typed = f.read(virtual_target(rq, "struct rq", "nr_running"));
  CHECK(number(typed) == 6);
  CHECK(typed.width_checked);
  const OpResult untyped = f.read(virtual_target(rq, ""), ValueKind::U32);
  CHECK(number(untyped) == 6);
  CHECK_FALSE(untyped.width_checked);
  CHECK(f.read(virtual_target(rq, "struct rqq", "x")).reason ==
        "no type 'struct rqq' in this kernel's BTF: did you mean 'rq'?");
}

TEST_CASE("a whole struct comes as its bytes") {
  Fixture f;
  const OpResult result = f.read(f.of_task("scx"), ValueKind::WHOLE);
  REQUIRE(result.status == EntryStatus::DONE);
  CHECK(result.value->bytes.size() == 112);
  CHECK(result.type == "struct sched_ext_entity");
  CHECK(f.read(f.of_task("scx")).value->kind == ValueKind::WHOLE);
}

TEST_CASE("bytes may be fewer than the object has, not more") {
  Fixture f;
  const OpResult comm = f.read(f.of_task("comm"), ValueKind::BYTES, 7);
  REQUIRE(comm.status == EntryStatus::DONE);
  CHECK(std::string(reinterpret_cast<const char*>(comm.value->bytes.data()), 7) == "sleeper");
  check_refused(f.read(f.of_task("comm"), ValueKind::BYTES, 17),
                "17 bytes were asked, and 'char[16]' has 16");
  check_refused(f.read(symbol_target("jiffies_64"), ValueKind::BYTES, 1 << 20),
                "1048576 bytes were asked, and 65536 is the most that a value may have");
}

TEST_CASE("a value that crosses pages or is not aligned is read and written whole") {
  Fixture f;
  const GuestVirtual at = f.fake.symbol("page_end");  // 4 bytes before the end of a page
  CHECK(number(f.write(symbol_target("page_end"), u64_value(0x1122334455667788))) ==
        0x1122334455667788);
  CHECK(number(f.read(virtual_target(at, ""), ValueKind::U64)) == 0x1122334455667788);
  CHECK(number(f.read(virtual_target(at + 1, ""), ValueKind::U32)) == 0x44556677);
}

TEST_CASE("addresses outside of what is mapped, and outside of RAM, fail") {
  Fixture f;
  CHECK(f.read(virtual_target(GuestVirtual(0x1000), ""), ValueKind::U64).status ==
        EntryStatus::FAILED);
  CHECK(f.read(virtual_target(FakeKernel::kNoRam, ""), ValueKind::U64).status ==
        EntryStatus::FAILED);
  const OpResult half =
      f.write(virtual_target(GuestVirtual(FakeKernel::kNoRam.value - 4), ""), u64_value(~0ull));
  CHECK(half.status == EntryStatus::FAILED);
  CHECK(f.fake.get(GuestVirtual(FakeKernel::kNoRam.value - 4), 4) == 0);
}

TEST_CASE("reads of a batch succeed and fail independently") {
  Fixture f;
  const auto results = f.executor.read(
      f.fake.memory(), {read_of(f.of_task("scx.nonsense")), read_of(f.of_task("pid")),
                        read_of(task_target(99, kTaskStart, "pid")),
                        read_of(symbol_target("jiffies_64"), ValueKind::U64)});
  REQUIRE(results.size() == 4);
  CHECK(results[0].status == EntryStatus::REFUSED);
  CHECK(number(results[1]) == kTaskPid);
  CHECK(results[2].status == EntryStatus::REFUSED);
  CHECK(number(results[3]) == 4294892296);
}

TEST_CASE(
    "the first write of a batch that is not done stops the rest, and nothing is rolled back") {
  Fixture f;
  const auto results =
      f.executor.write(f.fake.memory(), {write_of(f.of_task("scx.dsq_vtime"), u64_value(1)),
                                         write_of(f.of_task("scx.slyce"), u64_value(2)),
                                         write_of(f.of_task("scx.slice"), u64_value(3))});
  REQUIRE(results.size() == 3);
  CHECK(number(results[0]) == 1);
  CHECK(results[1].status == EntryStatus::REFUSED);
  CHECK(results[2].status == EntryStatus::NOT_REACHED);
  CHECK(results[2].reason == "an earlier write of the batch was not done");
  CHECK(results[2].gates.empty());
  CHECK(f.fake.value(f.task, "struct task_struct", "scx.dsq_vtime") == 1);
  CHECK(f.fake.value(f.task, "struct task_struct", "scx.slice") == 0);
}

TEST_CASE("a write that a gate refuses changes nothing and has all twelve gates") {
  Fixture f;
  f.fake.set_task(f.task, "on_rq", 1);
  const OpResult result = f.write(f.of_task("scx.dsq_vtime"), u64_value(1));
  check_refused(
      result, "gate 4 (offRunqueue) refuses: observed on_rq=1 on_cpu=0, expected on_rq=0 on_cpu=0");
  CHECK(result.gates.size() == 12);
  CHECK(f.fake.value(f.task, "struct task_struct", "scx.dsq_vtime") == 0);
}

TEST_CASE("without sched_ext a write to a task is refused at the class, whatever its path") {
  Fixture f(FakeKernelShape{.sched_ext = false});
  const std::string reason =
      "gate 6 (schedClass) refuses: observed sched_class=fair_sched_class, this kernel has no "
      "sched_ext, "
      "expected sched_class=ext_sched_class";
  check_refused(f.write(f.of_task("scx.dsq_vtime"), u64_value(1)), reason);
  check_refused(f.write(f.of_task("policy"), u32_value(1)), reason);
  CHECK(number(f.read(f.of_task("policy"))) == 0);
}

TEST_CASE("a queued task can still be read") {
  Fixture f;
  f.fake.set_task(f.task, "on_rq", 1);
  f.fake.set_task(f.task, "scx.slice", 12);
  CHECK(number(f.read(f.of_task("scx.slice"))) == 12);
}

TEST_CASE("a bad path of a task is refused, but its gates are still evaluated") {
  Fixture f;
  const OpResult result = f.read(f.of_task("nonsense"));
  CHECK(result.status == EntryStatus::REFUSED);
  CHECK(result.gates.size() == 12);
}

TEST_CASE("bits are set and cleared in the width of the field") {
  Fixture f;
  f.fake.set_task(f.task, "scx.flags", 0x301);
  const OpResult set = f.write(f.of_task("scx.flags"), u32_value(0x10), WriteKind::kSetBits);
  CHECK(number(set) == 0x311);
  CHECK(number_in(*set.before) == 0x301);
  CHECK(number(f.write(f.of_task("scx.flags"), u32_value(0x1), WriteKind::kClearBits)) == 0x310);
  CHECK(f.write(f.of_task("scx.flags"), u64_value(1), WriteKind::kSetBits).status ==
        EntryStatus::REFUSED);
}

TEST_CASE("hot reads read one aligned word of a symbol or a per-CPU variable") {
  Fixture f;
  f.fake.set_rq(1, "nr_running", 2);
  CHECK(number(f.hot(symbol_target("jiffies_64"), ValueKind::U64)) == 4294892296);
  CHECK(number(f.hot(per_cpu_target("runqueues", 1, "nr_running"))) == 2);
}

TEST_CASE("hot reads refuse whatever needs a frozen machine") {
  Fixture f;
  const std::string hint = ": make it cold: it is then served in a freeze";
  check_refused(f.hot(f.of_task("pid")),
                "a hot read takes a symbol or a per-CPU variable only" + hint);
  check_refused(f.hot(virtual_target(f.task, ""), ValueKind::U64),
                "a hot read takes a symbol or a per-CPU variable only" + hint);
  check_refused(f.hot(per_cpu_target("runqueues", 0, "curr->pid")),
                "a hot read cannot follow pointers" + hint);
  check_refused(
      f.executor.read_hot(f.fake.memory(), write_of(symbol_target("jiffies_64"), u64_value(1))),
      "a hot op cannot write" + hint);
  CHECK(f.hot(symbol_target("page_end"), ValueKind::U64).status == EntryStatus::REFUSED);
  CHECK(f.hot(symbol_target("jiffies_64"), ValueKind::BYTES, 3).status == EntryStatus::REFUSED);
  CHECK(f.hot(per_cpu_target("runqueues", 0, "")).status == EntryStatus::REFUSED);
}

TEST_CASE("layouts are recorded once for each field that ops and gates used") {
  Fixture f;
  number(f.read(per_cpu_target("runqueues", 0, "scx.nr_running")));
  const auto first = f.executor.take_used_layouts();
  REQUIRE(first.size() == 1);
  CHECK(first[0].type == "struct rq");
  CHECK(first[0].path == "scx.nr_running");
  CHECK(first[0].offset_bytes ==
        must(f.fake.kernel().btf().field("struct rq", "scx.nr_running")).offset_bytes);
  CHECK(first[0].size_bytes == 4);
  CHECK(first[0].encoding == "u32");
  number(f.read(per_cpu_target("runqueues", 1, "scx.nr_running")));
  CHECK(f.executor.take_used_layouts().empty());

  number(f.read(f.of_task("scx.dsq_vtime")));
  const auto then = f.executor.take_used_layouts();
  const auto has = [&](std::string_view path) {
    return std::count_if(then.begin(), then.end(),
                         [&](const UsedLayout& used) { return used.path == path; });
  };
  CHECK(has("scx.dsq_vtime") == 1);
  CHECK(has("on_rq") == 1);
  CHECK(has("idr_rt.xa_head") == 1);
}

TEST_CASE("a path across objects is recorded as one layout for each") {
  Fixture f;
  f.fake.set_rq(0, "curr", f.task.value);
  number(f.read(per_cpu_target("runqueues", 0, "curr->pid")));
  const auto used = f.executor.take_used_layouts();
  REQUIRE(used.size() == 2);
  CHECK(used[0].type + "/" + used[0].path == "struct rq/curr");
  CHECK(used[1].type + "/" + used[1].path == "struct task_struct/pid");
}
