// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/freezer.h"

#include <capnp/dynamic.h>
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <set>

#include "guest/machine/gdb_packet.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

// Each byte of the machine's answer is different, so that no two registers are equal.
TEST_CASE_METHOD(EngineFixture, "every register of a vCPU is on the tape") {
  std::string answer;
  for (int i = 0; i < 608; ++i) answer += fmt::format("{:02x}", i & 0xff);
  FakeKernel kernel;
  knowledge(kernel.knowledge(), kernel.ram());
  machine().set_registers({must(parse_gdb_registers(answer))});
  hello();
  read_symbol(1, "jiffies", "jiffies_64");
  done();
  ended();
  (void)run();
  int frozen = 0;
  must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.record.isFrozen()) return {};
    ++frozen;
    const auto vcpu = view.record.getFrozen().getVcpus()[0];
    CHECK(vcpu.getRip() == 0x8786858483828180);
    const auto registers = vcpu.getRegisters();
    CHECK(registers.getRsp() == 0x3f3e3d3c3b3a3938);
    CHECK(registers.getGs() == 0xa1a0);
    CHECK(registers.getKernelGsBase() == 0xbbbab9b8b7b6b5b4);
    CHECK(registers.getCr4() == 0xdbdad9d8d7d6d5d4);
    std::set<uint64_t> values = {vcpu.getRip()};
    const capnp::DynamicStruct::Reader all(registers);
    for (const auto field : all.getSchema().getFields()) {
      INFO(field.getProto().getName().cStr());
      CHECK(values.insert(all.get(field).as<uint64_t>()).second);
      CHECK(all.get(field).as<uint64_t>() != 0);
    }
    return {};
  }));
  CHECK(frozen == 1);
}

TEST_CASE_METHOD(EngineFixture, "who waited is on the tape if the memory of all tasks is kept") {
  const bool sched = GENERATE(true, false);
  FakeKernel kernel({.task_list = true});
  const GuestVirtual task = kernel.add_task(71, "late", 2, 1);
  kernel.link(kernel.field(kernel.per_cpu("runqueues", 1), "struct rq", "scx.runnable_list"),
              kernel.field(task, "struct task_struct", "scx.runnable_node"));
  kernel.add_task(72, "asleep", 3);
  memory(sched ? schema::MemoryMode::SCHED : schema::MemoryMode::TOUCHED);
  knowledge(kernel.knowledge(), kernel.ram());
  hello();
  read_symbol(1, "jiffies", "jiffies_64");
  done();
  ended();
  (void)run();
  int thawed = 0;
  must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.record.isThawed()) return {};
    ++thawed;
    CHECK(view.record.getThawed().hasWaiting() == sched);
    if (!sched) return {};
    const auto waiting = view.record.getThawed().getWaiting();
    CHECK(waiting.getTotal() == 1);
    REQUIRE(waiting.getTasks().size() == 1);
    CHECK(waiting.getTasks()[0].getPid() == 71);
    CHECK(chars(waiting.getTasks()[0].getComm()) == "late");
    CHECK(waiting.getTasks()[0].getLastCpu() == 1);
    return {};
  }));
  CHECK(thawed == 1);
}

}  // namespace ktape::test
