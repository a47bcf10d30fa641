// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_machine.h"

#include <sys/eventfd.h>

#include <catch2/catch_test_macros.hpp>

#include "schema/base/digest.h"
#include "schema/base/file.h"

namespace ktape {
namespace {

constexpr auto kNow = Machine::Clock::time_point::min();

std::string text(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

MachineEvent console(std::string_view line) {
  auto bytes = as_bytes(line);
  return MachineEvent{MachineEventKind::kConsoleBytes, {bytes.begin(), bytes.end()}, ""};
}

class Twin {
 public:
  MachineEvent next(int wake_fd = -1) {
    Result<MachineEvent> event = machine.wait(kNow, wake_fd);
    REQUIRE(event.ok());
    return *event;
  }

  MemoryMachine machine{std::vector<std::byte>(8192)};
};

TEST_CASE_METHOD(Twin, "pushed events are returned in order, then nothing") {
  machine.push(console("one"));
  machine.push(console("two"));
  CHECK(text(next().bytes) == "one");
  CHECK(text(next().bytes) == "two");
  CHECK(next().kind == MachineEventKind::kNothing);
}

TEST_CASE_METHOD(Twin, "the wake-up descriptor ends a wait") {
  UniqueFd wake(::eventfd(1, EFD_CLOEXEC));
  CHECK(next(wake.get()).kind == MachineEventKind::kWoken);
}

TEST_CASE_METHOD(Twin, "a test's answer to the agent's bytes is the next event") {
  machine.on_agent_bytes(
      [this](std::span<const std::byte> bytes) { machine.push(console(text(bytes))); });
  REQUIRE(machine.send_to_agent(as_bytes("hello")).ok());
  CHECK(text(next().bytes) == "hello");
}

TEST_CASE_METHOD(Twin, "nothing leaves for the agent while the machine is frozen") {
  std::string got;
  machine.on_agent_bytes([&](std::span<const std::byte> bytes) { got += text(bytes); });
  Result<Frozen> frozen = machine.freeze();
  REQUIRE(frozen.ok());
  REQUIRE(machine.send_to_agent(as_bytes("later")).ok());
  (void)next();
  CHECK(got.empty());
  CHECK(machine.unsent().size() == 5);
  REQUIRE(frozen->thaw().ok());
  (void)next();
  CHECK(got == "later");
}

TEST_CASE_METHOD(Twin, "a freeze returns memory that the live view shares") {
  Result<Frozen> frozen = machine.freeze();
  REQUIRE(frozen.ok());
  REQUIRE(frozen->memory().write(GuestPhysical(4096), as_bytes("mark")).ok());
  REQUIRE(frozen->thaw().ok());
  std::vector<std::byte> seen(4);
  REQUIRE(machine.live_memory().read(GuestPhysical(4096), seen).ok());
  CHECK(text(seen) == "mark");
  CHECK(machine.freezes() == 1);
}

TEST_CASE_METHOD(Twin, "destroying a freeze guard thaws the machine") {
  { Result<Frozen> frozen = machine.freeze(); }
  CHECK_FALSE(machine.frozen());
}

TEST_CASE_METHOD(Twin, "a freeze returns the registers that the test set") {
  machine.set_registers({VcpuRegisters{.rip = 1}, VcpuRegisters{.rip = 2}});
  Result<Frozen> frozen = machine.freeze();
  REQUIRE(frozen.ok());
  Result<std::vector<VcpuRegisters>> registers = frozen->registers();
  REQUIRE(registers.ok());
  REQUIRE(registers->size() == 2);
  CHECK(registers->at(1).rip == 2);
}

TEST_CASE_METHOD(Twin, "a failed thaw loses the machine after the events already in progress") {
  machine.push(console("before"));
  machine.fail_next_thaw(Error{ErrorCode::kMachineLost, "it does not resume", ""});
  Result<Frozen> frozen = machine.freeze();
  REQUIRE(frozen.ok());
  CHECK_FALSE(frozen->thaw().ok());
  CHECK(next().kind == MachineEventKind::kConsoleBytes);
  CHECK(next().text == "it does not resume");
  CHECK(machine.freeze().error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(Twin, "a freeze can be made to fail once") {
  machine.fail_next_freeze(Error{ErrorCode::kMachineLost, "no answer", ""});
  CHECK_FALSE(machine.freeze().ok());
  CHECK(machine.freeze().ok());
}

TEST_CASE_METHOD(Twin, "a lost machine stays lost") {
  machine.push(MachineEvent{MachineEventKind::kLost, {}, "gone"});
  machine.push(console("never"));
  CHECK(next().text == "gone");
  CHECK(next().kind == MachineEventKind::kLost);
  CHECK_FALSE(machine.send_to_agent(as_bytes("x")).ok());
}

TEST_CASE_METHOD(Twin, "ending the machine is reported as lost") {
  machine.end();
  CHECK(machine.ended());
  CHECK(next().kind == MachineEventKind::kLost);
}

TEST_CASE_METHOD(
    Twin, "a thaw lets a vCPU past its breakpoint, but only after the machine stopped for one") {
  std::vector<VcpuRegisters> registers(3);
  registers[0].rip = registers[2].rip = 7;
  machine.set_registers(registers);
  const auto freeze_and_thaw = [&](bool set) {
    Result<Frozen> frozen = machine.freeze();
    REQUIRE(frozen.ok());
    if (set) CHECK(frozen->set_breakpoint(GuestVirtual(7)).ok());
    CHECK(frozen->thaw().ok());
  };
  freeze_and_thaw(true);
  CHECK(machine.let_past().empty());
  machine.push({MachineEventKind::kBreakpoint, {}, ""});
  CHECK(next().kind == MachineEventKind::kBreakpoint);
  freeze_and_thaw(false);
  CHECK(machine.let_past() == std::vector<uint32_t>{0, 2});
  freeze_and_thaw(false);
  CHECK(machine.let_past().size() == 2);
}

TEST_CASE_METHOD(Twin,
                 "breakpoints are remembered until they are cleared, and there are four of them") {
  Result<Frozen> frozen = machine.freeze();
  REQUIRE(frozen.ok());
  for (uint64_t at = 1; at <= kMaxBreakpoints; ++at)
    CHECK(frozen->set_breakpoint(GuestVirtual(at)).ok());
  CHECK(frozen->set_breakpoint(GuestVirtual(99)).error().code == ErrorCode::kOutOfRange);
  CHECK(frozen->clear_breakpoint(GuestVirtual(1)).ok());
  CHECK(frozen->set_breakpoint(GuestVirtual(99)).ok());
  CHECK(machine.breakpoints() == std::set<uint64_t>{2, 3, 4, 99});
}

}  // namespace
}  // namespace ktape
