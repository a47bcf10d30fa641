// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "guest/machine/child_process.h"
#include "guest/machine/gdb_client.h"
#include "guest/machine/guest_ram.h"
#include "guest/machine/machine.h"
#include "guest/machine/qmp_client.h"
#include "guest/machine/send_queue.h"
#include "guest/memory/flat_memory.h"

namespace ktape {

// A guest in QEMU (q35). Its RAM is a memfd mapped by both processes; QMP, gdbstub and agent are
// sockets and the console is a pipe, all inherited by QEMU, so none has a name in the file system.
// QEMU dies with the thread that called `start`, and with this object. RAM stays readable after
// QEMU has exited.
class QemuMachine final : public Machine, private FreezeBackend {
 public:
  // Boots the guest. Returns once it runs; with kvm or auto, once the kernel has printed its first
  // byte on the console, which proves that it runs under KVM. auto falls back to TCG if KVM does
  // not work or no byte comes (so the kernel's command line should name the console, ttyS0). With
  // kvm, a silent kernel is accepted unless `kvm_must_print` is set. Errors: kUsage for an
  // impossible configuration; kNotFound for a missing kernel or initramfs; kHost, with the cause,
  // if QEMU is missing, too old or fails, or if KVM was requested and does not work.
  [[nodiscard]] static Result<std::unique_ptr<QemuMachine>> start(const MachineConfig& config);
  ~QemuMachine() override;

  [[nodiscard]] const MachineFacts& facts() const override { return facts_; }
  [[nodiscard]] Result<MachineEvent> wait(Clock::time_point deadline, int wake_fd) override;
  [[nodiscard]] Result<void> send_to_agent(std::span<const std::byte> bytes) override;
  [[nodiscard]] Result<void> check() override;
  [[nodiscard]] Result<Frozen> freeze() override;
  [[nodiscard]] const GuestMemory& live_memory() const override { return *memory_; }
  [[nodiscard]] HostTimes host_times() const override { return host_.read(); }
  void end() override;

 private:
  explicit QemuMachine(const MachineConfig& config) : config_(config) {}
  static Result<std::unique_ptr<QemuMachine>> launch(const MachineConfig& config,
                                                     Accelerator accelerator);
  static Result<std::unique_ptr<QemuMachine>> start_with_kvm(const MachineConfig& config,
                                                             bool proof_needed);

  // FreezeBackend
  WritableGuestMemory& writable_memory() override { return *memory_; }
  Result<std::vector<VcpuRegisters>> registers() override;
  Result<void> set_breakpoint(GuestVirtual address) override;
  Result<void> clear_breakpoint(GuestVirtual address) override;
  Result<void> thaw() override;

  Result<void> bring_up(Accelerator accelerator);
  Result<void> spawn(Accelerator accelerator, UniqueFd& qmp, UniqueFd& gdb);
  Result<void> map_memory(Clock::time_point deadline);
  Result<void> watch_threads(Clock::time_point deadline);
  Result<void> prove_kernel_runs(bool proof_needed);
  // For a guest that does not print: what its machine does instead.
  std::string what_it_does();

  // Moves pending input into `events_`, waiting for some until `deadline`. True if the wake-up
  // descriptor is readable. May return earlier without events, so callers loop.
  Result<bool> pump(Clock::time_point deadline, int wake_fd);
  void flush_to_agent();
  // Reads once, at most kMaxEventBytes; false if there was nothing.
  bool take_bytes(UniqueFd& fd, MachineEventKind kind);
  void take_console();
  void take_control_messages();
  void take_control_event(const QmpEvent& event);
  void take_stop();
  // Returns once the machine runs.
  Result<void> resume();
  // Makes every vCPU at a breakpoint execute the instruction there.
  Result<void> step_over_breakpoints();
  // Steps vCPUs that are at `at`, while no breakpoint is set there.
  Result<void> step_past(GuestVirtual at, std::vector<uint32_t> cpus);
  // Collects QEMU's remaining output and its exit. Sets `lost_`: after that only queued events are
  // left.
  void take_end();
  void lose(std::string text);
  // After a request failed: finds the cause, and marks the machine as lost. May take kEndGrace.
  Error broken(const Error& cause);
  Error lost_error() const { return Error{ErrorCode::kMachineLost, *lost_, ""}; }
  Clock::time_point answer_deadline() const { return Clock::now() + config_.answer_within; }

  MachineConfig config_;
  MachineFacts facts_;
  std::optional<GuestRam> ram_;
  std::optional<FlatMemory> memory_;
  std::unique_ptr<ChildProcess> process_;
  std::unique_ptr<QmpClient> qmp_;
  std::unique_ptr<GdbClient> gdb_;
  HostWatch host_;
  UniqueFd console_;
  UniqueFd agent_;
  SendQueue to_agent_;
  // Console bytes are pending; the latest time to read them.
  std::optional<Clock::time_point> console_due_;
  std::deque<MachineEvent> events_;
  std::optional<std::string> shutdown_reason_;  // QMP announced that the guest ended
  std::optional<std::string> lost_;
  std::set<uint64_t> breakpoints_;
  bool at_breakpoint_ = false;  // kBreakpoint was reported and the machine has not resumed since
  bool frozen_ = false;
  // Kept, so that evidence costs no second round trip while frozen.
  std::vector<VcpuRegisters> registers_;  // from the last freeze
};

}  // namespace ktape
