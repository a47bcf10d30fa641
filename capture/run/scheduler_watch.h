// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/freeze/breakpoints.h"
#include "capture/record/recorder.h"
#include "capture/run/progress.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/sched_ext_state.h"
#include "guest/machine/machine.h"
#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// What the agent is told of an enable that its scheduler's program asked for. One that was ejected
// while it was being enabled, and had tasks by then, has attached as far as a scenario is
// concerned; the kernel counts it as a failure.
struct SchedulerNews {
  std::string name;
  bool attached = false;
  std::string why;  // it did not attach
};

// Watches the schedulers that an external scheduler's program brings. What became of each, that it
// attached, that its enable failed, that it exited, is read from the kernel's own memory:
//   - while the machine runs, at short intervals: what a scheduler's object says of these only ever
//   comes to
//     stand there, and the object stays until the machine has stopped where it is freed;
//   - whenever the machine has stopped. The watch makes it stop where a scheduler is about to be
//   freed, the
//     last moment at which anything of it can be read. A stop at scx_exit_function() that somebody
//     else asked for tells of an enable that fails at once.
//
// What cannot be read is counted as lost, and the run goes on. Methods that record fail only when
// the tape cannot be written.
class SchedulerWatch {
 public:
  using Clock = Machine::Clock;

  // All outlive it. `program` is the digest of the scheduler's executable.
  SchedulerWatch(const GuestMemory& memory, Recorder& recorder, Progress& progress,
                 const Digest& program)
      : memory_(memory), recorder_(recorder), progress_(progress), program_(program) {}

  // The functions at which it wants the machine to stop, on this kernel; none without an external
  // scheduler.
  [[nodiscard]] static std::vector<BreakpointRequest> breakpoints(
      const KernelKnowledge& kernel, schema::Scenario::Reader scenario);

  // The kernel is known; it outlives the watch.
  void adopted(const Kernel& kernel);
  // Makes the machine stop where a scheduler is about to be freed. Each stop, whatever it is for,
  // is then one for look_at(). Where it cannot be made to, exits are seen only as long as their
  // schedulers are there; that is counted as lost.
  void arm(Frozen& frozen, Breakpoints& breakpoints);

  // The agent's word, which is recorded. What it says of sysfs counts only where memory cannot be
  // read.
  Result<void> on_state(schema::SchedulerState::Reader state, GuestNs guest);
  // The machine stands still: reads the schedulers that come and go there. Records nothing.
  // `at_breakpoint`: a breakpoint stopped it, and what stands at one goes past it; else that
  // arrives once more, and is read then.
  void look_at(const GuestMemory& memory, const std::vector<VcpuRegisters>& registers,
               bool at_breakpoint);
  // Records what look_at() has seen, after the thaw; then, if it is time, what memory says by now.
  Result<void> look();
  // When look() has something to do; the far future when there is nothing to watch.
  [[nodiscard]] Clock::time_point due() const;
  // The run ends: records exits that the kernel has not finished.
  Result<void> record_unfinished();

  // Whether the tape has an attachment.
  [[nodiscard]] bool has_attached() const { return any_attached_; }
  // The program has ended, and nothing more is to come: true once.
  [[nodiscard]] bool take_settled();
  // What the agent has not been told yet.
  [[nodiscard]] std::vector<SchedulerNews> take_news() { return std::exchange(news_, {}); }
  // Schedulers that the kernel has thrown out, as ejection_words() puts it: the first ones, and how
  // many more there were.
  [[nodiscard]] const std::vector<std::string>& ejections() const { return ejections_; }
  [[nodiscard]] uint64_t ejections_left_out() const { return ejections_left_out_; }

 private:
  struct Known {
    GuestVirtual address;
    uint32_t id = 0;
    std::string name;
    bool partial = false;
    bool had_tasks = false;  // of the root scheduler, also before its enable was complete
    bool attached = false;
    bool ended = false;  // its exit, or the failure of its enable, is recorded
  };
  struct Seen {
    SchedulerState state;
    bool freed = false;
    bool enabled = false;
    bool has_tasks = false;
    std::optional<SchedulerExitInfo> exit;
  };

  Result<void> record_state(schema::SchedulerState::Reader state, GuestNs guest);
  void meet(const GuestMemory& memory, GuestVirtual address, bool freed);
  Result<void> record_seen();
  Result<void> read_memory();
  Result<void> read_known(Known& known, bool linked);
  Result<void> attempt(const SchedulerState& state);
  Result<void> attach(Known& known, const SchedulerState& state);
  Result<void> end(Known& known, const SchedulerExitInfo& exit, bool unfinished = false);
  Result<void> record_end(const Known& known, const SchedulerExitInfo& exit, bool unfinished);
  Result<void> attach_unread(schema::SchedulerState::Reader state);
  [[nodiscard]] Known* find(GuestVirtual address);
  [[nodiscard]] uint32_t id_of(GuestVirtual address);
  [[nodiscard]] bool is_watching() const { return reader_ != nullptr && !settled_; }
  void lose(const Error& error);
  void leave_out();

  const GuestMemory& memory_;
  Recorder& recorder_;
  Progress& progress_;
  Digest program_;
  std::unique_ptr<SchedExtReader> reader_;
  std::string unreadable_ = "the kernel is not known";  // why there is no reader
  bool armed_ = false;
  Clock::time_point next_look_{};
  std::vector<Known> known_;
  std::vector<Seen> seen_;
  std::vector<SchedulerNews> news_;
  std::vector<std::string> ejections_;
  uint64_t ejections_left_out_ = 0;
  std::string last_loss_;
  uint32_t last_id_ = 0;
  bool any_attached_ = false;
  bool ended_ = false;
  bool enabled_ = false;
  bool settled_ = false;
  bool leaves_out_ = false;
};

// Records the kernel's own count of enables, where it has one, to be held against what was recorded
// of them.
Result<void> record_enable_count(const Kernel& kernel, const GuestMemory& memory,
                                 Recorder& recorder);

}  // namespace ktape
