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

// kAuto: KVM if a kernel is seen to run under it, else TCG.
enum class Accelerator { kKvm, kTcg, kAuto };
[[nodiscard]] const char* accelerator_name(Accelerator accelerator);

// The configuration of a machine. `QemuMachine::start` turns it into a running guest.
struct MachineConfig {
  Accelerator accelerator = Accelerator::kAuto;
  // Under TCG: run all vCPUs in one thread. With a thread per vCPU, under QEMU 10.0.2, a guest that
  // flips static keys thousands of times has died of "Oops: int3", as if a vCPU still ran code that
  // another had patched. With one thread it has not.
  bool tcg_single_thread = false;
  uint32_t cpus = 2;
  uint32_t sockets = 1;
  uint32_t threads = 1;     // per core
  uint32_t llcs = 1;        // last-level caches in the whole machine
  uint32_t numa_nodes = 1;  // in the whole machine
  uint64_t memory_bytes = uint64_t{512} << 20;
  std::string kernel_path;  // bzImage, or an extracted vmlinux (boots through PVH, no KASLR)
  std::string initramfs_path;
  std::string command_line;  // the kernel's
  std::string qemu_program = "qemu-system-x86_64";
  // If KVM was requested explicitly: start() fails unless the guest prints, as `auto` requires.
  bool kvm_must_print = false;
  // How long the guest may take to print the first byte.
  std::chrono::milliseconds kvm_prints_within{20000};
  // How long the emulator may take to answer a request before the machine counts as lost.
  std::chrono::milliseconds answer_within{10000};
};

// Properties of the running machine.
struct MachineFacts {
  Accelerator accelerator_used = Accelerator::kTcg;
  std::string accelerator_reason;  // why, if ktape chose the accelerator
  std::string emulator_version;    // "QEMU 10.0.2 (...)"
  std::vector<std::string> emulator_arguments;
  // Number of times that a vCPU could not be stepped past a breakpoint; it hits that one again.
  uint64_t not_stepped = 0;
};

// The registers of one vCPU when the machine was frozen.
struct VcpuRegisters {
  uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0;
  uint64_t rsi = 0;
  uint64_t rdi = 0;  // at a function's first instruction: the first argument
  uint64_t rbp = 0, rsp = 0;
  uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  uint64_t rip = 0;
  uint64_t rflags = 0;
  uint16_t cs = 0;  // the low two bits are the privilege level
  uint16_t ss = 0, ds = 0, es = 0, fs = 0, gs = 0;
  uint64_t fs_base = 0;
  uint64_t gs_base = 0;         // 0 if the machine does not report it
  uint64_t kernel_gs_base = 0;  // swapped in on kernel entry
  uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0;
};

// Whether a vCPU has reached an instruction that it has not yet tried to execute. If RFLAGS.RF is
// set, it has tried: it was stepped past a breakpoint there, faulted, and returned to retry (Intel
// SDM 3, Instruction-Breakpoint Exception Condition). QEMU's TCG stops there again; a real CPU does
// not.
[[nodiscard]] inline bool arrives_at(const VcpuRegisters& vcpu, GuestVirtual address) {
  constexpr uint64_t kResumeFlag = uint64_t{1} << 16;
  return vcpu.rip == address.value && (vcpu.rflags & kResumeFlag) == 0;
}

enum class MachineEventKind {
  kNothing,       // the deadline passed
  kAgentBytes,    // `bytes` arrived on the agent's port
  kConsoleBytes,  // `bytes` arrived on the serial console
  kBreakpoint,    // All vCPUs stopped because one is about to execute an instruction with a
                  // breakpoint. Others may be, too. The caller's next freeze shows which, by RIP,
                  // and its thaw steps each of them past: none is reported again. In rare cases
                  // no vCPU is at a breakpoint any more. Other freezes do not step vCPUs past; a
                  // vCPU at a breakpoint is then reported after the thaw.
  kStopped,       // all vCPUs stopped unasked; `text` is the run state, e.g. "debug"
  kEnded,         // the guest powered off or reset; only kLost can follow
  kLost,          // the machine is gone; `text` says how. Final.
  kWoken,         // the caller's wake-up descriptor became readable
};

// A CPU has this many hardware breakpoints.
inline constexpr size_t kMaxBreakpoints = 4;

struct MachineEvent {
  MachineEventKind kind = MachineEventKind::kNothing;
  std::vector<std::byte> bytes;
  std::string text;
};

// Implemented by each machine for its freeze guard. Callers do not use it.
class FreezeBackend {
 public:
  virtual ~FreezeBackend() = default;
  virtual WritableGuestMemory& writable_memory() = 0;
  virtual Result<std::vector<VcpuRegisters>> registers() = 0;
  virtual Result<void> set_breakpoint(GuestVirtual address) = 0;
  virtual Result<void> clear_breakpoint(GuestVirtual address) = 0;
  virtual Result<void> thaw() = 0;
};

// A guard that proves every vCPU is stopped. The only source of writable memory, so that no code
// can write to a running guest. Must not outlive its machine; at most one exists at a time.
// `thaw()` reports whether the machine resumed; the destructor thaws as a last resort and cannot
// report.
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

  // From the stop request until every vCPU was stopped.
  [[nodiscard]] std::chrono::nanoseconds stop_latency() const { return stop_latency_; }
  // The guest's RAM. The reference is valid until `thaw`; the same object serves every freeze.
  [[nodiscard]] WritableGuestMemory& memory();
  // As they were when the machine stopped, one element per vCPU, in order. Costs nothing: the stop
  // fetched them. kMachineLost if the machine is gone.
  [[nodiscard]] Result<std::vector<VcpuRegisters>> registers();
  // From now on the machine stops, with kBreakpoint, when a vCPU is about to execute the
  // instruction at `address`. Setting a breakpoint twice, or clearing one that is not set, is a
  // caller error. kOutOfRange for more than kMaxBreakpoints; kHost if the machine refuses.
  [[nodiscard]] Result<void> set_breakpoint(GuestVirtual address);
  [[nodiscard]] Result<void> clear_breakpoint(GuestVirtual address);
  // Resumes the guest. The guard cannot be used afterwards, even if this fails.
  [[nodiscard]] Result<void> thaw();

 private:
  FreezeBackend* backend_;
  std::chrono::nanoseconds stop_latency_;
};

// A guest machine. Single-threaded. `wait` reports all its events in the order in which they
// happened. Destroying it ends the guest.
class Machine {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Machine() = default;

  [[nodiscard]] virtual const MachineFacts& facts() const = 0;

  // The next event, or kNothing after `deadline`. Also polls `wake_fd` (or -1), which stays
  // readable until the caller reads it. Events that are already there come before a wake-up. After
  // kLost, always returns kLost. Errors are those of polling itself.
  [[nodiscard]] virtual Result<MachineEvent> wait(Clock::time_point deadline, int wake_fd) = 0;

  // Queues bytes for the agent; they are sent during `wait`. Never blocks. kBadInput if the queue
  // is full because the guest does not read.
  [[nodiscard]] virtual Result<void> send_to_agent(std::span<const std::byte> bytes) = 0;

  // Checks whether the machine still answers, whatever its guest does. kMachineLost, with the cause
  // as far as known, if it does not in time: it is gone then. Events that arrive meanwhile are kept
  // for `wait`.
  [[nodiscard]] virtual Result<void> check() = 0;

  // Stops every vCPU. kMachineLost if the machine does not answer in time or is gone. Events that
  // arrive meanwhile are kept for `wait`.
  [[nodiscard]] virtual Result<Frozen> freeze() = 0;

  // Memory of the running machine, also while it is frozen and after it has ended. The guest
  // changes it at any time, so only single aligned words are coherent. Use it only for kernel
  // constants and hot reads.
  [[nodiscard]] virtual const GuestMemory& live_memory() const = 0;

  // How long its threads and the caller's have run and waited on the host; also works while frozen
  // and after the machine has ended.
  [[nodiscard]] virtual HostTimes host_times() const = 0;

  // Kills the guest immediately. What it had printed or sent is still reported by `wait`, and then
  // kLost.
  virtual void end() = 0;
};

}  // namespace ktape
