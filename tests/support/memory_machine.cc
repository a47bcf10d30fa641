// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_machine.h"

#include <thread>
#include <utility>

#include "guest/machine/io.h"

namespace ktape {

MemoryMachine::MemoryMachine(std::vector<std::byte> ram, uint64_t low_bytes)
    : MemoryMachine(std::span(ram), low_bytes) {
  ram_ = std::move(ram);  // its bytes stay where they are
}

MemoryMachine::MemoryMachine(std::span<std::byte> ram, uint64_t low_bytes)
    : memory_(ram, low_bytes) {
  facts_.accelerator_reason = "no guest runs: memory only";
  facts_.emulator_version = "none";
}

void MemoryMachine::push(MachineEvent event) { events_.push_back(std::move(event)); }

void MemoryMachine::on_idle(std::function<void()> callback) { idle_ = std::move(callback); }
void MemoryMachine::on_thaw(std::function<void()> callback) { thawed_ = std::move(callback); }

void MemoryMachine::on_agent_bytes(AgentBytes callback) { agent_bytes_ = std::move(callback); }

void MemoryMachine::set_registers(std::vector<VcpuRegisters> registers) {
  registers_ = std::move(registers);
}

void MemoryMachine::fail_next_freeze(Error error) { freeze_error_ = std::move(error); }

void MemoryMachine::fail_next_thaw(Error error) { thaw_error_ = std::move(error); }

void MemoryMachine::fail_next_check(Error error) { check_error_ = std::move(error); }

void MemoryMachine::fail_next_breakpoint(Error error) { breakpoint_error_ = std::move(error); }

Result<MachineEvent> MemoryMachine::wait(Clock::time_point deadline, int wake_fd) {
  flush_to_agent();
  if (events_.empty() && idle_) idle_();
  if (!events_.empty()) {
    MachineEvent event = std::move(events_.front());
    events_.pop_front();
    at_breakpoint_ |= event.kind == MachineEventKind::kBreakpoint;
    if (event.kind == MachineEventKind::kLost) {
      events_.clear();
      lost_ = event;
    }
    return event;
  }
  if (lost_) return *lost_;
  pollfd wake{wake_fd, POLLIN, 0};
  KTAPE_ASSIGN(bool ready, poll_until({&wake, 1}, deadline));
  return MachineEvent{ready ? MachineEventKind::kWoken : MachineEventKind::kNothing, {}, ""};
}

Result<void> MemoryMachine::send_to_agent(std::span<const std::byte> bytes) {
  if (lost_) return Error{ErrorCode::kMachineLost, lost_->text, ""};
  return unsent_.push(bytes);
}

Result<void> MemoryMachine::check() {
  ++checks_;
  if (lost_) return Error{ErrorCode::kMachineLost, lost_->text, ""};
  if (!check_error_) return {};
  lose(check_error_->message);
  return *std::exchange(check_error_, std::nullopt);
}

Result<Frozen> MemoryMachine::freeze() {
  KTAPE_CHECK(!frozen_);
  if (lost_) return Error{ErrorCode::kMachineLost, lost_->text, ""};
  if (freeze_error_) return *std::exchange(freeze_error_, std::nullopt);
  frozen_ = true;
  ++freezes_;
  return Frozen(this, std::chrono::microseconds(1));
}

Result<void> MemoryMachine::set_breakpoint(GuestVirtual address) {
  if (breakpoint_error_) return *std::exchange(breakpoint_error_, std::nullopt);
  if (breakpoints_.size() >= kMaxBreakpoints)
    return Error{ErrorCode::kOutOfRange, "all breakpoints are in use", ""};
  KTAPE_CHECK(breakpoints_.insert(address.value).second);
  return {};
}

Result<void> MemoryMachine::clear_breakpoint(GuestVirtual address) {
  KTAPE_CHECK(breakpoints_.erase(address.value) == 1);
  return {};
}

Result<void> MemoryMachine::thaw() {
  frozen_ = false;
  const bool past = std::exchange(at_breakpoint_, false);
  for (uint32_t cpu = 0; past && cpu < registers_.size(); ++cpu) {
    if (breakpoints_.contains(registers_[cpu].rip)) let_past_.push_back(cpu);
  }
  std::this_thread::sleep_for(thaw_takes_);
  if (thawed_) thawed_();
  if (!thaw_error_) return {};
  lose(thaw_error_->message);
  return *std::exchange(thaw_error_, std::nullopt);
}

void MemoryMachine::end() {
  ended_ = true;
  lose("the machine was ended by ktape");
}

void MemoryMachine::flush_to_agent() {
  // Without a callback the guest does not read, and the queue fills.
  if (frozen_ || lost_ || unsent_.empty() || !agent_bytes_) return;
  std::vector<std::byte> bytes(unsent_.pending().begin(), unsent_.pending().end());
  unsent_.consume(bytes.size());
  agent_bytes_(bytes);
}

void MemoryMachine::lose(std::string text) {
  if (!lost_) lost_ = MachineEvent{MachineEventKind::kLost, {}, std::move(text)};
}

}  // namespace ktape
