// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "guest/machine/machine.h"
#include "guest/machine/send_queue.h"
#include "guest/memory/flat_memory.h"

namespace ktape {

// A machine without a guest: RAM, a queue of events and a freeze that always works unless set
// otherwise. For tests of code that drives a machine; the test plays the guest. It keeps the
// contract of `Machine`: a lost machine stays lost, bytes for the agent leave only in `wait` and
// never while frozen, and there is at most one freeze at a time (checked).
class MemoryMachine final : public Machine, private FreezeBackend {
 public:
  using AgentBytes = std::function<void(std::span<const std::byte>)>;

  // `ram` is laid out as FlatMemory describes.
  explicit MemoryMachine(std::vector<std::byte> ram, uint64_t low_bytes = FlatMemory::kHighStart);
  // The same with RAM that the test owns, and which outlives the machine.
  explicit MemoryMachine(std::span<std::byte> ram, uint64_t low_bytes = FlatMemory::kHighStart);

  // Controls for the test.

  // Appends to the events that `wait` returns.
  void push(MachineEvent event);
  // Called from `wait` if there is no event: it may push some, so that a test need not create all
  // events of a long run at once.
  void on_idle(std::function<void()> callback);
  // Called after each thaw: what a guest does at once when it runs again.
  void on_thaw(std::function<void()> callback);
  // Called from `wait` with what `send_to_agent` queued, in order, in pieces of any size. It may
  // push events: that is how a test answers frames.
  void on_agent_bytes(AgentBytes callback);
  // One element per vCPU; one vCPU of zeroes until set.
  void set_registers(std::vector<VcpuRegisters> registers);
  // The next freeze, or the next thaw, fails with this error; a failed thaw leaves the machine
  // lost.
  void fail_next_freeze(Error error);
  void fail_next_thaw(Error error);
  // Each thaw takes this long, and so extends the freeze.
  void thaw_takes(std::chrono::milliseconds time) { thaw_takes_ = time; }
  // The next `check` fails with this error, and the machine is lost.
  void fail_next_check(Error error);
  // Setting the next breakpoint fails with this error.
  void fail_next_breakpoint(Error error);
  // The next result of `host_times`; nothing for any vCPU until set.
  void set_host_times(HostTimes times) { host_times_ = std::move(times); }
  // The guest's memory as the guest sees it: writable at any time.
  [[nodiscard]] FlatMemory& memory() { return memory_; }
  [[nodiscard]] MachineFacts& mutable_facts() { return facts_; }

  // Results for the test.

  [[nodiscard]] uint64_t freezes() const { return freezes_; }
  [[nodiscard]] bool frozen() const { return frozen_; }
  // The number of calls of `check`.
  [[nodiscard]] uint64_t checks() const { return checks_; }
  [[nodiscard]] const std::set<uint64_t>& breakpoints() const { return breakpoints_; }
  // vCPUs that a thaw after a kBreakpoint has let past their breakpoint, in order. Their registers
  // stay as set by the test: as if each had come back at once.
  [[nodiscard]] const std::vector<uint32_t>& let_past() const { return let_past_; }
  [[nodiscard]] bool ended() const { return ended_; }
  // Queued by `send_to_agent` and not yet passed to the callback.
  [[nodiscard]] std::span<const std::byte> unsent() const { return unsent_.pending(); }

  // Machine
  [[nodiscard]] const MachineFacts& facts() const override { return facts_; }
  [[nodiscard]] Result<MachineEvent> wait(Clock::time_point deadline, int wake_fd) override;
  [[nodiscard]] Result<void> send_to_agent(std::span<const std::byte> bytes) override;
  [[nodiscard]] Result<void> check() override;
  [[nodiscard]] Result<Frozen> freeze() override;
  [[nodiscard]] const GuestMemory& live_memory() const override { return memory_; }
  [[nodiscard]] HostTimes host_times() const override { return host_times_; }
  void end() override;

 private:
  // FreezeBackend
  WritableGuestMemory& writable_memory() override { return memory_; }
  Result<std::vector<VcpuRegisters>> registers() override { return registers_; }
  Result<void> set_breakpoint(GuestVirtual address) override;
  Result<void> clear_breakpoint(GuestVirtual address) override;
  Result<void> thaw() override;

  void flush_to_agent();
  void lose(std::string text);

  std::vector<std::byte> ram_;
  FlatMemory memory_;
  MachineFacts facts_;
  std::vector<VcpuRegisters> registers_{1};
  HostTimes host_times_;
  std::deque<MachineEvent> events_;
  SendQueue unsent_;
  AgentBytes agent_bytes_;
  std::function<void()> idle_;
  std::function<void()> thawed_;
  std::optional<Error> check_error_;
  std::optional<Error> freeze_error_;
  std::optional<Error> thaw_error_;
  std::chrono::milliseconds thaw_takes_{0};
  std::optional<Error> breakpoint_error_;
  std::set<uint64_t> breakpoints_;
  std::vector<uint32_t> let_past_;
  bool at_breakpoint_ = false;  // kBreakpoint was told, and the machine has not been resumed since
  std::optional<MachineEvent> lost_;
  uint64_t freezes_ = 0;
  uint64_t checks_ = 0;
  bool frozen_ = false;
  bool ended_ = false;
};

}  // namespace ktape
