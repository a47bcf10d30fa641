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

// A guest in QEMU (q35). Its RAM is a memfd that both map; QMP, gdbstub and agent are sockets and
// the console is a pipe that QEMU inherits, so nothing of it has a name in the file system. QEMU
// dies with the thread that called `start`, and with this object. RAM stays readable after QEMU has
// ended.
class QemuMachine final : public Machine, private FreezeBackend {
 public:
  // Boots the guest and returns as soon as it runs; with kvm or auto, once the kernel has proved
  // that it runs under KVM by its first byte on the console. auto falls back to TCG where it does
  // not, or where none comes (so the kernel's command line should name the console, ttyS0); asked
  // for by name, a silent kernel is given the benefit of the doubt, unless `kvm_must_print`.
  // Errors: kUsage for an impossible configuration; kNotFound for a missing kernel or initramfs;
  // kHost, with the cause, where QEMU is missing, too old or fails, or where KVM was asked for and
  // does not work.
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

  [[nodiscard]] pid_t emulator_pid() const { return process_->pid(); }

  // For benchmarks that do without this class what it does. Valid as long as the machine is.
  struct Channels {
    int qmp, gdb, agent;
  };
  [[nodiscard]] Channels channels() const { return {qmp_->fd(), gdb_->fd(), agent_.get()}; }

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
  // Of a guest that does not print: what its machine does instead.
  std::string what_it_does();

  // Moves what has arrived into `events_`, waiting for something until `deadline`. True when the
  // wake-up descriptor is readable.
  Result<bool> pump(Clock::time_point deadline, int wake_fd);
  void flush_to_agent();
  // One read of at most kMaxEventBytes; false when there was nothing.
  bool take_bytes(UniqueFd& fd, MachineEventKind kind);
  void take_console();
  void take_control_messages();
  void take_control_event(const QmpEvent& event);
  void take_stop();
  // Returns once the machine runs.
  Result<void> resume();
  // Lets every vCPU that stands at a breakpoint execute the instruction there.
  Result<void> step_over_breakpoints();
  // Each of the vCPUs stands there, and no breakpoint does.
  Result<void> step_past(GuestVirtual at, std::vector<uint32_t> cpus);
  // Everything that QEMU said before it ended, and that it did.
  void take_end();
  void lose(std::string text);
  // After a request failed: finds out why, and loses the machine.
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
  // Something is there; when to read it at the latest.
  std::optional<Clock::time_point> console_due_;
  std::deque<MachineEvent> events_;
  std::optional<std::string> shutdown_reason_;  // QMP announced that the guest ended
  std::optional<std::string> lost_;
  std::set<uint64_t> breakpoints_;
  bool at_breakpoint_ = false;  // kBreakpoint was told, and the machine has not been resumed since
  bool frozen_ = false;
  std::vector<VcpuRegisters> registers_;  // as of the last freeze
};

}  // namespace ktape
