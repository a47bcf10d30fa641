// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/freezer.h"

#include <capnp/dynamic.h>
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "guest/machine/gdb_packet.h"
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

}  // namespace ktape::test
