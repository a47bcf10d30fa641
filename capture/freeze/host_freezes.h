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
#include "capture/record/recorder.h"
#include "capture/run/progress.h"
#include "guest/kernel/sched/scx_exit.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape {

// The freezes that the host makes of its own: at breakpoints, at intervals, on demand. In those at
// a breakpoint and on demand it also reads where each worker stands, so that the tape tells that
// without its memory. Nothing is frozen before the kernel is adopted.
//
// A vCPU that arrives at a trigger's function when the machine stopped at a breakpoint is one hit.
// All hits of one stop are served in one freeze, and the machine lets all those vCPUs past when it
// is thawed: so an entry of the function is a hit once, whoever stopped the machine.
//
// The methods fail only for what ends a run, as those of RequestServer.
class HostFreezes {
 public:
  using Clock = std::chrono::steady_clock;

  // All outlive it. `breakpoints` may have other holders.
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

  // The server has its kernel. The triggers that are due are armed, here and in the next two, which
  // takes a short stop of the machine.
  Result<void> adopted();
  // A scheduler is attached; heard as often as anybody likes.
  Result<void> scheduler_attached();
  // A step began, and its first action waits for the return; from the first step on the periodic
  // freezes are made.
  Result<void> step_started(uint32_t step);
  void worker_started(schema::WorkerStarted::Reader worker);
  // No more periodic freezes.
  void steps_ended() { intervals_.end(Clock::now()); }

  // The machine stopped at a breakpoint. It runs on afterwards.
  Result<void> on_breakpoint();
  // The user asks for a freeze.
  Result<void> on_demand();
  // Makes the periodic freeze if it is due.
  Result<void> on_time();
  // What the kernel last said of a scheduler that it is about to eject; empty: nothing of that kind
  // was met.
  [[nodiscard]] const std::string& scheduler_error() const { return scheduler_error_; }
  // What became of each trigger of the plan, in its order.
  [[nodiscard]] const std::vector<TriggerCount>& counts() const { return counts_; }
  // What became of the intervals; nothing when the plan has none.
  [[nodiscard]] std::optional<IntervalCounts> intervals() const;
  // The length of an interval; 0: there are none.
  [[nodiscard]] std::chrono::milliseconds every() const { return plan_.every; }
  // When on_time() has something to do; the far future without periodic freezes.
  [[nodiscard]] Clock::time_point due() const { return intervals_.due(); }

 private:
  struct Armed {
    GuestVirtual address;
    uint32_t entered = 0;  // how often a vCPU stood there
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
  // Nothing where there is nothing to freeze for.
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
  std::set<size_t> tried_;            // to arm, by place in the plan
  std::map<size_t, Armed> armed_;     // by place in the plan
  std::vector<Change> changes_;       // not recorded yet
  std::optional<ScxExitReader> exits_;
  std::string scheduler_error_;
  HostReads reads_;
  uint32_t step_ = 0;
  bool attached_ = false;
};

}  // namespace ktape
