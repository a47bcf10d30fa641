// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "guest/machine/host_times.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

enum class Accelerator { kKvm, kTcg, kAuto };

// What a machine is made of. Passive; `QemuMachine::start` turns it into a running guest.
struct MachineConfig {
  Accelerator accelerator = Accelerator::kAuto;
  // Under TCG: all vCPUs take turns in one thread. With a thread each, QEMU 10.0.2, a guest that
  // flips static keys thousands of times was seen to die of "Oops: int3", as if a vCPU still ran
  // what another had patched; in one thread it did not.
  bool tcg_single_thread = false;
  uint32_t cpus = 2;
  uint32_t sockets = 1;
  uint32_t threads = 1;     // of a core
  uint32_t llcs = 1;        // last-level caches, of the whole machine
  uint32_t numa_nodes = 1;  // of the whole machine
  uint64_t memory_bytes = uint64_t{512} << 20;
  std::string kernel_path;  // bzImage, or an extracted vmlinux (boots through PVH, no KASLR)
  std::string initramfs_path;
  std::string command_line;  // the kernel's
  std::string qemu_program = "qemu-system-x86_64";
  // Asked for KVM by name, start() takes it only when the guest prints, as `auto` does.
  bool kvm_must_print = false;
  // How long the guest may take for that first byte.
  std::chrono::milliseconds kvm_prints_within{20000};
  // How long the emulator may take to answer a request before the machine counts as lost.
  std::chrono::milliseconds answer_within{10000};
};

// What the machine turned out to be.
struct MachineFacts {
  Accelerator accelerator_used = Accelerator::kTcg;
  std::string accelerator_reason;  // why, where the choice was ktape's
  std::string emulator_version;    // "QEMU 10.0.2 (...)"
  std::vector<std::string> emulator_arguments;
  // Times that a vCPU could not be got past a breakpoint: it reaches that one again.
  uint64_t not_stepped = 0;
};

// One vCPU as it stood when the machine was frozen.
struct VcpuRegisters {
  uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0;
  uint64_t rsi = 0;
  uint64_t rdi = 0;  // at a function's first instruction: its first argument
  uint64_t rbp = 0, rsp = 0;
  uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  uint64_t rip = 0;
  uint64_t rflags = 0;
  uint16_t cs = 0;  // its low two bits are the privilege level
  uint16_t ss = 0, ds = 0, es = 0, fs = 0, gs = 0;
  uint64_t fs_base = 0;
  uint64_t gs_base = 0;         // 0 where the machine does not tell
  uint64_t kernel_gs_base = 0;  // swapped in on kernel entry
  uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0;
};

// Whether a vCPU has come to an instruction that it has not yet tried to execute. With RFLAGS.RF
// set it has: it was let past a breakpoint there, met a fault, and is back to try again (Intel SDM
// 3, Instruction- Breakpoint Exception Condition). QEMU's TCG stops there once more, a processor
// does not.
[[nodiscard]] inline bool arrives_at(const VcpuRegisters& vcpu, GuestVirtual address) {
  constexpr uint64_t kResumeFlag = uint64_t{1} << 16;
  return vcpu.rip == address.value && (vcpu.rflags & kResumeFlag) == 0;
}

enum class MachineEventKind {
  kNothing,       // the deadline passed
  kAgentBytes,    // `bytes` came from the agent's port
  kConsoleBytes,  // `bytes` came from the serial console
  kBreakpoint,    // every vCPU stopped because one is about to execute an instruction with a
                // breakpoint. Others may be about to as well. The caller's next freeze tells by RIP
                // which ones, and its thaw lets each of them past: none of them is told again.
                // Rarely none stands at one any more. A freeze for anything else lets nobody past:
                // who stands at one is told after its thaw
  kStopped,  // every vCPU stopped without being asked; `text` is the run state, e.g. "debug"
  kEnded,    // the guest powered off or reset: no further events but kLost
  kLost,     // the machine is gone: `text` says how. Final.
  kWoken,    // the caller's wake-up descriptor became readable
};

// A processor has that many hardware breakpoints.
inline constexpr size_t kMaxBreakpoints = 4;

struct MachineEvent {
  MachineEventKind kind = MachineEventKind::kNothing;
  std::vector<std::byte> bytes;
  std::string text;
};

// Implemented by each machine for its freeze guard; not for callers.
class FreezeBackend {
 public:
  virtual ~FreezeBackend() = default;
  virtual WritableGuestMemory& writable_memory() = 0;
  virtual Result<std::vector<VcpuRegisters>> registers() = 0;
  virtual Result<void> set_breakpoint(GuestVirtual address) = 0;
  virtual Result<void> clear_breakpoint(GuestVirtual address) = 0;
  virtual Result<void> thaw() = 0;
};

// Proof that every vCPU stands still. The only source of writable memory. Lives no longer than its
// machine; at most one at a time. `thaw()` reports how the resumption went; the destructor thaws as
// a last resort and cannot report.
class Frozen {
 public:
  Frozen(FreezeBackend* backend, std::chrono::nanoseconds stop_latency)
      : backend_(backend), stop_latency_(stop_latency) {}
  ~Frozen();
  Frozen(Frozen&& other) noexcept
      : backend_(std::exchange(other.backend_, nullptr)), stop_latency_(other.stop_latency_) {}
  Frozen& operator=(Frozen&&) = delete;
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

  // From asking for the stop until every vCPU stood.
  [[nodiscard]] std::chrono::nanoseconds stop_latency() const { return stop_latency_; }
  [[nodiscard]] WritableGuestMemory& memory();
  // One element per vCPU, in order.
  [[nodiscard]] Result<std::vector<VcpuRegisters>> registers();
  // From now on the machine stops by itself, with kBreakpoint, when a vCPU is about to execute the
  // instruction at `address`. Setting one that is set, or clearing one that is not, is an error of
  // the caller. kOutOfRange for more than kMaxBreakpoints; kHost where the machine cannot.
  [[nodiscard]] Result<void> set_breakpoint(GuestVirtual address);
  [[nodiscard]] Result<void> clear_breakpoint(GuestVirtual address);
  // Lets the guest run on. The guard is spent, also when this fails.
  [[nodiscard]] Result<void> thaw();

 private:
  FreezeBackend* backend_;
  std::chrono::nanoseconds stop_latency_;
};

// A guest machine. Used from one thread only. Everything that happens to it is told by `wait`, in
// the order in which it happened. Destroying it ends the guest.
class Machine {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Machine() = default;

  [[nodiscard]] virtual const MachineFacts& facts() const = 0;

  // The next event, or kNothing once `deadline` has passed. `wake_fd` (or -1) is polled as well.
  [[nodiscard]] virtual Result<MachineEvent> wait(Clock::time_point deadline, int wake_fd) = 0;

  // Queues bytes for the agent; they leave during `wait`. Never blocks. kBadInput when the queue is
  // over its bound because the guest does not read.
  [[nodiscard]] virtual Result<void> send_to_agent(std::span<const std::byte> bytes) = 0;

  // Whether the machine still answers, whatever its guest does. kMachineLost, with what is known of
  // the cause, when it does not in time: it is gone then. Events that arrive meanwhile are kept for
  // `wait`.
  [[nodiscard]] virtual Result<void> check() = 0;

  // Stops every vCPU. kMachineLost when the machine does not answer in time or is gone. Events that
  // arrive meanwhile are kept for `wait`.
  [[nodiscard]] virtual Result<Frozen> freeze() = 0;

  // Memory of the running machine: for constants of the kernel and for hot reads only.
  [[nodiscard]] virtual const GuestMemory& live_memory() const = 0;

  // How its threads and the caller's have fared on the host so far; also while frozen, and once it
  // is gone.
  [[nodiscard]] virtual HostTimes host_times() const = 0;

  // Ends the guest at once, without its consent.
  virtual void end() = 0;
};

}  // namespace ktape
