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
#include "capture/io/progress.h"
#include "capture/record/recorder.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/sched_ext_state.h"
#include "guest/machine/machine.h"
#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// Tells the agent the result of an enable requested by its scheduler's program. A scheduler that
// was ejected during its enable, but already had tasks, counts as attached for the scenario,
// although the kernel counts it as a failure.
struct SchedulerNews {
  std::string name;
  bool attached = false;
  std::string why;  // it did not attach
};

// Watches the schedulers that an external scheduler's program loads. Whether each one attached,
// failed to enable or exited is read from the kernel's memory:
//   - While the machine runs, at short intervals. The fields read are only ever set, never cleared,
//     and the object stays valid until the machine has stopped at the function that frees it.
//   - Whenever the machine has stopped. The watch sets a breakpoint where a scheduler is freed, the
//     last moment at which it can be read. A stop at scx_exit_function() that was requested
//     elsewhere shows an enable that fails at once.
//
// What cannot be read is counted as lost, and the run continues. Methods that record fail only if
// the tape cannot be written.
class SchedulerWatch {
 public:
  using Clock = Machine::Clock;

  // All arguments outlive the watch. `program` is the digest of the scheduler's executable.
  SchedulerWatch(const GuestMemory& memory, Recorder& recorder, Progress& progress,
                 const Digest& program)
      : memory_(memory), recorder_(recorder), progress_(progress), program_(program) {}

  // Called once the kernel is adopted. `kernel` outlives the watch.
  void adopted(const Kernel& kernel);
  // Sets the breakpoint where a scheduler is freed. Call observe() at every stop from then on, for
  // whatever reason. If the breakpoint cannot be set, exits are seen only while the scheduler's
  // object still exists; that is counted as lost.
  void arm(Frozen& frozen, Breakpoints& breakpoints);

  // Records the agent's report. Its view of sysfs is used only if memory cannot be read.
  Result<void> on_state(schema::SchedulerState::Reader state, GuestNs guest);
  // Called while the machine is stopped. Reads the schedulers that are being enabled or freed.
  // Records nothing. `at_breakpoint`: the stop was caused by a breakpoint, and vCPUs at a
  // breakpoint will step past it. Otherwise they hit it again, and are read then.
  void observe(const GuestMemory& memory, const std::vector<VcpuRegisters>& registers,
               bool at_breakpoint);
  // Called after the thaw. Records what observe() found; then, if due, reads memory again.
  Result<void> update();
  // When update() is due next; the far future if there is nothing to watch.
  [[nodiscard]] Clock::time_point due() const;
  // Called when the run ends. Records exits that the kernel has not completed.
  Result<void> record_unfinished();

  // Whether an attach is on the tape.
  [[nodiscard]] bool has_attached() const { return any_attached_; }
  // True, once, when the program has ended and no more events are expected.
  [[nodiscard]] bool take_settled();
  // What the agent has not been sent yet.
  [[nodiscard]] std::vector<SchedulerNews> take_news() { return std::exchange(news_, {}); }
  // Schedulers that the kernel ejected, as worded by ejection_words(): the first ones, and the
  // number of others.
  [[nodiscard]] const std::vector<std::string>& ejections() const { return ejections_; }
  [[nodiscard]] uint64_t ejections_left_out() const { return ejections_left_out_; }

 private:
  struct Known {
    GuestVirtual address;
    uint32_t id = 0;
    std::string name;
    bool partial = false;
    bool had_tasks = false;  // of the root scheduler, possibly before its enable completed
    bool attached = false;
    bool ended = false;  // its exit, or its failed enable, is recorded
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
  std::string unreadable_ = "the kernel is not known";  // why reader_ is null
  bool armed_ = false;
  Clock::time_point next_update_{};
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

// Records the kernel's count of enables, if it has one, for comparison with the recorded enables.
Result<void> record_enable_count(const Kernel& kernel, const GuestMemory& memory,
                                 Recorder& recorder);

}  // namespace ktape
