// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_records.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/make_op.h"

using namespace ktape;
using namespace ktape::test;

namespace {

// A request of one entry that `fill` completes.
template <typename Fill>
Result<std::vector<Op>> decode(Fill fill, schema::OpMode mode = schema::OpMode::COLD) {
  capnp::MallocMessageBuilder message;
  auto list = message.initRoot<schema::OpRequested>().initEntries(1);
  list[0].setTag("t");
  fill(list[0]);
  return read_ops(list.asReader(), mode);
}

template <typename Fill>
std::string error_of(Fill fill, schema::OpMode mode = schema::OpMode::COLD) {
  const auto ops = decode(fill, mode);
  REQUIRE_FALSE(ops.ok());
  CHECK(ops.error().code == ErrorCode::kUsage);
  return ops.error().message;
}

void read_jiffies(schema::OpEntry::Builder entry) {
  entry.initTarget().setSymbol("jiffies_64");
  entry.setRead(schema::ValueKind::U64);
}

}  // namespace

TEST_CASE("a task read becomes plain values with a parsed path") {
  const auto ops = decode([](schema::OpEntry::Builder entry) {
    auto task = entry.initTarget().initTask();
    task.setPid(42);
    task.setStartBoottimeNs(5000000000);
    task.setWorker("sleeper");
    entry.getTarget().setPath("scx.dsq->id");
    entry.setRead(schema::ValueKind::U64);
  });
  REQUIRE(ops.ok());
  const Op& op = ops->at(0);
  CHECK(op.tag == "t");
  const auto& root = std::get<TaskRoot>(op.target.root);
  CHECK(root.pid == Pid(42));
  CHECK(root.start_boottime_ns == 5000000000);
  CHECK(root.worker == "sleeper");
  CHECK(target_path_text(op.target.path) == "scx.dsq->id");
  CHECK(std::get<ReadAction>(op.action).kind == schema::ValueKind::U64);
}

TEST_CASE("steps count before the path's text") {
  const auto ops = decode([](schema::OpEntry::Builder entry) {
    read_jiffies(entry);
    entry.getTarget().setPath("not..parsed");
    entry.getTarget().initSteps(1)[0].setMember("a");
  });
  REQUIRE(ops.ok());
  CHECK(ops->at(0).target.path == std::vector<PathStep>{MemberStep{"a"}});
}

TEST_CASE("every kind of write becomes its bytes") {
  const auto written = [](auto fill) {
    const auto ops = decode([&](schema::OpEntry::Builder entry) {
      entry.initTarget().setSymbol("x");
      fill(entry.initWrite());
    });
    return std::get<WriteAction>(must(ops).at(0).action);
  };
  CHECK(written([](schema::Value::Builder v) { v.setU8(0xab); }).value.bytes ==
        std::vector{std::byte{0xab}});
  CHECK(written([](schema::Value::Builder v) { v.setU16(0xabcd); }).value.bytes ==
        std::vector{std::byte{0xcd}, std::byte{0xab}});
  CHECK(written([](schema::Value::Builder v) { v.setU32(7); }).value.bytes.size() == 4);
  CHECK(number_in(written([](schema::Value::Builder v) { v.setU64(1ull << 60); }).value) ==
        1ull << 60);
  const auto set = written([](schema::Value::Builder v) {
    auto bits = v.initSetBits();
    bits.setWidth(2);
    bits.setMask(0x8001);
  });
  CHECK(set.kind == WriteKind::kSetBits);
  CHECK(set.value.kind == schema::ValueKind::U16);
  CHECK(number_in(set.value) == 0x8001);
}

TEST_CASE("what cannot be served is refused with the entry and the reason") {
  using Entry = schema::OpEntry::Builder;
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          e.getTarget().setPath("a..b");
        }) == "entry 1 ('t'): target path 'a..b': column 3: got '.', expected a member's name");
  CHECK(error_of([](Entry e) {
          e.initTarget().initTask().setWorker("w");
          e.setRead(schema::ValueKind::U64);
        }) == "entry 1 ('t'): a task target needs a pid above 0");
  CHECK(error_of(
            [](Entry e) {
              read_jiffies(e);
              e.initWrite().setU64(1);
            },
            schema::OpMode::HOT) == "entry 1 ('t'): a hot op cannot write");
  CHECK(error_of([](Entry e) { e.setRead(schema::ValueKind::U64); }) ==
        "entry 1 ('t'): the target names no symbol");
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          e.initWrite();
        }) == "entry 1 ('t'): a write needs a value");
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          e.initWrite().initList(1);
        }) == "entry 1 ('t'): a list cannot be written");
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          e.initWrite().initBytes(0);
        }) == "entry 1 ('t'): a write of bytes has none");
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          e.setRead(schema::ValueKind::BYTES);
        }) == "entry 1 ('t'): a read of bytes needs a length");
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          e.setLength(4);
        }) == "entry 1 ('t'): only a read of bytes has a length");
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          auto bits = e.initWrite().initClearBits();
          bits.setWidth(1);
          bits.setMask(0x100);
        }) == "entry 1 ('t'): the mask 0x100 does not fit into 1 bytes");
  CHECK(error_of([](Entry e) {
          read_jiffies(e);
          e.initWrite().initClearBits().setWidth(3);
        }) == "entry 1 ('t'): bits have a width of 1, 2, 4 or 8 bytes, not 3");
}

TEST_CASE("an entry by itself may name a worker that has no pid yet") {
  capnp::MallocMessageBuilder message;
  auto entry = message.initRoot<schema::OpEntry>();
  entry.initTarget().initTask().setWorker("w");
  entry.getTarget().setPath("scx.dsq_vtime");
  entry.setRead(schema::ValueKind::U64);
  const auto op = read_op(entry.asReader(), schema::OpMode::COLD);
  REQUIRE(op.ok());
  CHECK(std::get<TaskRoot>(op->target.root).worker == "w");
  CHECK(std::get<TaskRoot>(op->target.root).pid.value == 0);
  CHECK(op->target.path.size() == 2);
}

TEST_CASE("one request cannot have both reads and writes, and cannot be empty") {
  capnp::MallocMessageBuilder message;
  auto request = message.initRoot<schema::OpRequested>();
  CHECK(read_ops(request.initEntries(0).asReader(), schema::OpMode::COLD).error().message ==
        "a request without entries");
  auto list = request.initEntries(2);
  read_jiffies(list[0]);
  list[1].initTarget().setSymbol("x");
  list[1].initWrite().setU64(1);
  CHECK(read_ops(list.asReader(), schema::OpMode::COLD).error().message ==
        "entry 2 (''): reads and writes cannot stand in one request");
}

TEST_CASE("an entry is recorded with its path and its parsed steps") {
  capnp::MallocMessageBuilder message;
  auto list = message.initRoot<schema::OpRequested>().initEntries(2);
  list[0].setTag("nr");
  auto per_cpu = list[0].initTarget().initPerCpu();
  per_cpu.setSymbol("runqueues");
  per_cpu.setCpu(1);
  list[0].getTarget().setPath("scx.nr_running");
  list[0].setRead(schema::ValueKind::BYTES);
  list[0].setLength(4);
  const Op op{"nr", per_cpu_target("runqueues", 1, "scx.nr_running"),
              ReadAction{schema::ValueKind::BYTES, 4}};
  write_op(list[0].asReader(), op, list[1]);
  const auto to = list[1].asReader();
  CHECK(to.getTag() == "nr");
  CHECK(to.getTarget().getPerCpu().getCpu() == 1);
  CHECK(to.getTarget().getPath() == "scx.nr_running");
  CHECK(to.getTarget().getSteps().size() == 2);
  CHECK(to.getRead() == schema::ValueKind::BYTES);
  CHECK(to.getLength() == 4);
}

TEST_CASE("a result is recorded field by field") {
  OpResult result;
  result.status = schema::EntryStatus::DONE;
  result.value = u64_value(7);
  result.before = u32_value(6);
  result.virtual_address = GuestVirtual(0xffff888000001000);
  result.physical_address = GuestPhysical(0x1000);
  result.type = "u64";
  result.width_bytes = 8;
  result.width_checked = true;
  result.protecting_cpu = 1;
  result.elapsed_ns = 99;
  result.note = "n";
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<schema::EntryReply>();
  write_result(result, to);
  const auto reply = to.asReader();
  CHECK(reply.getStatus() == schema::EntryStatus::DONE);
  CHECK(reply.getValue().getU64() == 7);
  CHECK(reply.getBefore().getU32() == 6);
  CHECK(reply.getVirtualAddress() == 0xffff888000001000);
  CHECK(reply.getPhysicalAddress() == 0x1000);
  CHECK(reply.getType().size() == 3);
  CHECK(reply.getWidthBytes() == 8);
  CHECK(reply.getWidthChecked());
  CHECK(reply.getProtectingCpu() == 1);
  CHECK(reply.getElapsedNs() == 99);
  CHECK(reply.getNote() == "n");
}

TEST_CASE("a walked list is recorded as a list, also when it is empty") {
  OpResult result;
  result.status = schema::EntryStatus::DONE;
  result.is_list = true;
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<schema::EntryReply>();
  write_result(result, to);
  CHECK(to.getValue().isList());
  CHECK(to.getValue().getList().size() == 0);
  result.list = {u32_value(1), u32_value(2)};
  write_result(result, to);
  REQUIRE(to.getValue().getList().size() == 2);
  CHECK(to.getValue().getList()[1].getU32() == 2);
}

TEST_CASE("a refused entry is recorded without a value") {
  OpResult result;
  result.status = schema::EntryStatus::REFUSED;
  result.reason = "no";
  result.is_list = true;
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<schema::EntryReply>();
  write_result(result, to);
  CHECK(to.getValue().isNone());
  CHECK(to.getReason() == "no");
}

TEST_CASE("a gate is recorded with the observed and the expected value") {
  const GateResult gate{schema::Gate::ALIVE, schema::GateOutcome::FAILED, true, "state=0x80 (DEAD)",
                        "state without DEAD"};
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<schema::GateChecked>();
  write_gate(3, 1, gate, to);
  CHECK(to.getOp() == 3);
  CHECK(to.getEntry() == 1);
  CHECK(to.getGate() == schema::Gate::ALIVE);
  CHECK(to.getOutcome() == schema::GateOutcome::FAILED);
  CHECK(to.getEnforced());
  CHECK(to.getObserved().size() == 17);
  CHECK(to.getExpected() == "state without DEAD");
}
