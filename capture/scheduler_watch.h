// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/breakpoints.h"
#include "capture/progress.h"
#include "capture/recorder.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/sched_ext_state.h"
#include "guest/machine/machine.h"
#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// Watches the schedulers that an external scheduler's program attaches: their attachment and their exit are
// read from the kernel's own memory. It looks when the agent says that sysfs has changed, and when a
// scheduler is about to be freed, which is the last moment at which its exit can be read.
//
// What cannot be read is counted as lost, and the run goes on. Methods that record fail only when the tape
// cannot be written.
class SchedulerWatch {
 public:
  // All outlive it. `program` is the digest of the scheduler's executable.
  SchedulerWatch(const GuestMemory& memory, Recorder& recorder, Progress& progress, const Digest& program)
      : memory_(memory), recorder_(recorder), progress_(progress), program_(program) {}

  // The functions at which it wants the machine to stop, on this kernel; none without an external scheduler.
  [[nodiscard]] static std::vector<BreakpointWish> breakpoints(const KernelKnowledge& kernel,
                                                               schema::Scenario::Reader scenario);

  // The kernel is known; it outlives the watch.
  void adopted(const Kernel& kernel);
  // Makes the machine stop where a scheduler is about to be freed. Whatever stops it, each stop is then one
  // for look_at(). Where it cannot be made to, exits are seen only if the scheduler is still there when the
  // agent tells of them; that is counted as lost.
  void arm(Frozen& frozen, Breakpoints& breakpoints);

  // The agent's word; the kernel's memory is read while the machine runs.
  Result<void> on_state(schema::SchedulerState::Reader state, GuestNs guest);
  // The machine stands still: reads the schedulers that are about to be freed. Records nothing.
  void look_at(const GuestMemory& memory, const std::vector<VcpuRegisters>& registers);
  // Records what look_at() has seen; after the thaw.
  Result<void> record_seen();

  // Whether the tape has an attachment.
  [[nodiscard]] bool has_attached() const { return last_id_ > 0; }
  // The program has ended, and nothing more is to come: true once.
  [[nodiscard]] bool take_settled();

 private:
  struct Known {
    GuestVirtual address;
    uint32_t id = 0;
    std::string name;
    bool exited = false;
  };
  struct Seen {
    SchedulerState state;
    std::optional<SchedulerExitInfo> exit;
  };

  Result<void> record_state(schema::SchedulerState::Reader state, GuestNs guest);
  Result<void> look(bool enabled);
  Result<void> attach(const SchedulerState& state, bool full_switch);
  Result<void> exit(Known& known, const SchedulerExitInfo& exit);
  Result<void> attach_unread(schema::SchedulerState::Reader state);
  [[nodiscard]] Known* find(GuestVirtual address);
  void lose(const Error& error);

  const GuestMemory& memory_;
  Recorder& recorder_;
  Progress& progress_;
  Digest program_;
  std::unique_ptr<SchedExtReader> reader_;
  std::string unreadable_ = "the kernel is not known";  // why there is no reader
  bool armed_ = false;
  std::vector<Known> known_;
  std::vector<Seen> seen_;
  uint32_t last_id_ = 0;
  bool ended_ = false;
  bool enabled_ = false;
  bool settled_ = false;
};

}  // namespace ktape
