// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capture/freeze_coordinator.h"
#include "capture/freeze_triggers.h"
#include "capture/host_reads.h"
#include "capture/progress.h"
#include "capture/recorder.h"
#include "guest/kernel/scx_exit.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape {

// The freezes that the host makes of its own: at breakpoints, at intervals, on demand. In those at a
// breakpoint and on demand it also reads where each worker stands, so that the tape tells that without
// its memory. Nothing is frozen before the kernel is adopted.
//
// The methods fail only for what ends a run, as those of FreezeCoordinator.
class HostFreezes {
 public:
  using Clock = std::chrono::steady_clock;

  // All outlive it.
  HostFreezes(FreezeCoordinator& coordinator, Recorder& recorder, Progress& progress, FreezePlan plan)
      : coordinator_(coordinator), recorder_(recorder), progress_(progress), plan_(std::move(plan)) {
    for (const FreezeTrigger& trigger : plan_.triggers) counts_.push_back({trigger.name});
  }

  // The coordinator has its kernel: breakpoints are set, which takes a short stop of the machine.
  Result<void> adopted();
  void worker_started(schema::WorkerStarted::Reader worker) { reads_.worker_started(worker); }
  // A step began; from the first on the periodic freezes are made.
  void step_started(uint32_t step);
  // No more periodic freezes.
  void steps_ended() { next_.reset(); }

  // The machine stopped at a breakpoint. It runs on afterwards.
  Result<void> on_breakpoint();
  // The user asks for a freeze.
  Result<void> on_demand();
  // Makes the periodic freeze if it is due.
  Result<void> on_time();
  // What became of each trigger of the plan, in its order.
  [[nodiscard]] const std::vector<TriggerCount>& counts() const { return counts_; }
  // When on_time() has something to do; the far future without periodic freezes.
  [[nodiscard]] Clock::time_point due() const { return next_.value_or(Clock::time_point::max()); }

 private:
  struct Armed {
    size_t planned = 0;  // place in the plan
    GuestVirtual address;
    uint32_t hits = 0;  // that it was reached
  };

  Result<void> arm(Frozen& frozen, size_t planned);
  [[nodiscard]] Armed* reached(const Standstill& at, int32_t& vcpu);
  Result<void> fire(Standstill at, Armed& armed, int32_t vcpu);
  // `armed` may be gone afterwards.
  Result<void> disarm_if_spent(Frozen& frozen, const Armed& armed);
  Result<void> freeze(Standstill at, FreezeReason reason, const std::optional<ScxExit>& exit);

  FreezeCoordinator& coordinator_;
  Recorder& recorder_;
  Progress& progress_;
  FreezePlan plan_;
  std::vector<TriggerCount> counts_;  // one for each of plan_.triggers
  std::vector<Armed> armed_;
  std::optional<ScxExitReader> exits_;
  HostReads reads_;
  uint32_t step_ = 0;
  std::optional<Clock::time_point> next_;
};

}  // namespace ktape
