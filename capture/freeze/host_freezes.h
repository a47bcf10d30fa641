// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "capture/freeze/breakpoints.h"
#include "capture/freeze/freeze_triggers.h"
#include "capture/freeze/host_reads.h"
#include "capture/freeze/intervals.h"
#include "capture/freeze/request_server.h"
#include "capture/io/progress.h"
#include "capture/record/recorder.h"
#include "guest/kernel/sched/scx_exit.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape {

// The freezes that the host initiates: at breakpoints, at intervals and on demand. At a breakpoint
// and on demand it also reads the state of each worker, so that the tape has it even without guest
// memory. Nothing is frozen before the kernel is adopted.
//
// A vCPU that is at a trigger's function when a breakpoint stops the machine is one hit. All hits
// of one stop are served in one freeze. At the thaw the machine steps all those vCPUs past the
// breakpoint, so each entry of the function is one hit, whichever vCPU stopped the machine.
//
// The methods fail only on errors that end a run, like those of RequestServer.
class HostFreezes {
 public:
  using Clock = std::chrono::steady_clock;

  // All arguments outlive it. `breakpoints` may have other holders.
  HostFreezes(RequestServer& server, Breakpoints& breakpoints, Recorder& recorder,
              Progress& progress, FreezePlan plan)
      : server_(server),
        breakpoints_(breakpoints),
        recorder_(recorder),
        progress_(progress),
        plan_(std::move(plan)),
        intervals_(plan_.every) {
    for (const FreezeTrigger& trigger : plan_.triggers) counts_.push_back({trigger.name});
  }

  // Called once the server has its kernel. This method and the next two arm the triggers that are
  // due, which stops the machine briefly.
  Result<void> adopted();
  // Called when a scheduler is attached; may be called repeatedly.
  Result<void> scheduler_attached();
  // Called when a step begins; its first action waits for the return. Periodic freezes start with
  // the first step.
  Result<void> step_started(uint32_t step);
  // Later freezes of the host read the state of this worker.
  void worker_started(schema::WorkerStarted::Reader worker);
  // Ends periodic freezes.
  void steps_ended() { intervals_.end(Clock::now()); }

  // Called when the machine stopped at a breakpoint. Resumes it.
  Result<void> on_breakpoint();
  // Called when the user requests a freeze.
  Result<void> on_demand();
  // Makes the periodic freeze if it is due.
  Result<void> on_time();
  // The kernel's last error for a scheduler that it is about to eject; empty if there was none.
  [[nodiscard]] const std::string& scheduler_error() const { return scheduler_error_; }
  // The result of each trigger, in the plan's order.
  [[nodiscard]] const std::vector<TriggerCount>& counts() const { return counts_; }
  // The result of the intervals; nothing if the plan has none.
  [[nodiscard]] std::optional<IntervalCounts> intervals() const;
  // The length of an interval; 0: no intervals.
  [[nodiscard]] std::chrono::milliseconds every() const { return plan_.every; }
  // When on_time() is due; the far future without periodic freezes.
  [[nodiscard]] Clock::time_point due() const { return intervals_.due(); }

 private:
  struct Armed {
    GuestVirtual address;
    uint32_t entered = 0;  // number of times a vCPU was stopped there
  };
  struct Change {
    size_t planned = 0;
    schema::TriggerChange change = schema::TriggerChange::NOT_SAID;
    GuestVirtual address;
    std::optional<Error> error;
  };
  struct Hits {
    std::vector<TriggerHit> hits;
    std::vector<ScxExit> exits;
  };

  Result<void> arm_all(const std::function<bool(const FreezeTrigger&)>& which);
  Change arm(Frozen& frozen, size_t planned);
  Hits take_hits(StoppedMachine& at);
  // Nothing if there is no reason to freeze.
  std::optional<TriggerHit> hit(StoppedMachine& at, size_t planned, size_t vcpu,
                                std::vector<ScxExit>& exits);
  Result<void> disarm_spent(Frozen& frozen);
  Result<void> record_changes();
  Result<void> freeze(StoppedMachine at, FreezeReason reason, const std::vector<ScxExit>& exits);

  RequestServer& server_;
  Breakpoints& breakpoints_;
  Recorder& recorder_;
  Progress& progress_;
  FreezePlan plan_;
  Intervals intervals_;
  std::vector<TriggerCount> counts_;  // one for each of plan_.triggers
  std::set<size_t> tried_;            // triggers that arming was tried for, by index in the plan
  std::map<size_t, Armed> armed_;     // by index in the plan
  std::vector<Change> changes_;       // not recorded yet
  std::optional<ScxExitReader> exits_;
  std::string scheduler_error_;
  HostReads reads_;
  uint32_t step_ = 0;
  bool attached_ = false;
};

}  // namespace ktape
