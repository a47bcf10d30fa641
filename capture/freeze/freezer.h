// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/freeze/page_keeper.h"
#include "capture/record/clocksource_watch.h"
#include "capture/record/recorder.h"
#include "capture/record/run_delays.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/sched/evidence.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape {

// A vCPU that stood at a trigger's function when the machine stopped.
struct TriggerHit {
  std::string trigger;  // its name
  int32_t vcpu = -1;
  std::string detail;  // what the kernel says about it
};

// Why a machine is frozen.
struct FreezeReason {
  schema::FreezeCause cause = schema::FreezeCause::NOT_SAID;
  uint64_t op = 0;               // the request that is served in it; 0: none
  std::vector<TriggerHit> hits;  // cause trigger: one or more
  uint64_t interval = 0;         // cause periodic: which of the run's
  uint32_t attempt = 0;  // which of the request's freezes it is, from 1; 0 without a request
  std::string detail;    // of causes that are no trigger: what was found then
};

// A machine that stands still, and of which nothing is on the tape yet.
struct StoppedMachine {
  Frozen frozen;
  Recorder::Clock::time_point began, stopped;
  HostTimes host;  // by then
  Result<std::vector<VcpuRegisters>> registers;
};

// A freeze of which the tape will have a record: first the machine stands still and memory is
// served from, then it runs again, and last all is recorded. Its parts are filled in that order.
struct FreezeInProgress {
  FreezeInProgress(uint64_t number, StoppedMachine stopped_at)
      : id(number), at(std::move(stopped_at)) {}

  uint64_t id;
  StoppedMachine at;
  WritableGuestMemory* memory = nullptr;  // the guest's, as the tape keeps it; valid until the thaw
  StopMoment stop;                        // where the vCPUs stood, and the evidence

  // Of the thaw.
  Recorder::Clock::time_point thawing, thawed;  // the guest runs since `thawed`
  HostTimes host_after;
  Result<void> thaw;  // kMachineLost: the machine did not resume
};

// Freezes a machine, takes evidence, keeps its memory, thaws, and records all that: the same way
// whatever the cause. Who serves something in a freeze does so between begin() and thaw(). The
// machine's time at a standstill is counted.
class Freezer {
 public:
  // Machine and recorder outlive the freezer.
  Freezer(Machine& machine, Recorder& recorder, schema::MemoryMode memory)
      : machine_(machine),
        recorder_(recorder),
        pages_(memory, recorder),
        delays_(machine, recorder),
        clocksource_(recorder) {}

  // Before the first freeze. `kernel` outlives the freezer. Records the guest's clocksource;
  // freezes record what becomes of it.
  Result<void> adopted(const Kernel& kernel);

  // Records how the machine fared on its host so far and, once the kernel is adopted, another
  // clocksource; while the machine runs, or once it has ended.
  Result<void> look_while_running();

  // Called each time that the machine has come to a stop, whatever for; copies and compares only.
  void observe(std::function<void(StoppedMachine&)> observer) { observer_ = std::move(observer); }

  // Fails when the machine could not be stopped; nothing is recorded then.
  Result<StoppedMachine> stop();
  // It was stopped for nothing: the machine goes on, and no freeze is recorded.
  Result<void> resume(StoppedMachine at);

  // A freeze is begun, thawed and recorded, in this order, each once. Between begin() and thaw()
  // memory is compared and copied only.
  [[nodiscard]] FreezeInProgress begin(StoppedMachine at);
  void thaw(FreezeInProgress& freeze);
  // `results` are of the entries of the reason's request. Fails when the tape cannot be written.
  Result<void> record(FreezeInProgress& freeze, const FreezeReason& reason,
                      const std::vector<OpResult>& results);

  // All of it, with nothing to serve. Fails as stop() and record() do, and with kMachineLost.
  Result<void> freeze(const FreezeReason& reason);

  // Records fields that an op or the evidence used, each once in a run.
  Result<void> record_layouts(std::vector<UsedLayout> used);

  // Host time that the machine has stood still so far.
  [[nodiscard]] std::chrono::nanoseconds frozen_time() const { return frozen_time_; }
  [[nodiscard]] uint64_t freezes() const { return last_freeze_; }

 private:
  Result<void> record_began(const FreezeInProgress& freeze, const FreezeReason& reason);
  Result<void> record_frozen(const FreezeInProgress& freeze,
                             const std::vector<VcpuRegisters>& registers);
  Result<void> record_thawed(const FreezeInProgress& freeze);
  Result<void> record_gates(const FreezeInProgress& freeze, const FreezeReason& reason,
                            const std::vector<OpResult>& results);

  Machine& machine_;
  Recorder& recorder_;
  PageKeeper pages_;
  RunDelayLog delays_;
  ClocksourceWatch clocksource_;
  const Kernel* kernel_ = nullptr;
  std::function<void(StoppedMachine&)> observer_;
  std::unique_ptr<EvidenceReader> evidence_;
  std::unique_ptr<LayoutLog> layouts_;  // recorded so far
  std::chrono::nanoseconds frozen_time_{0};
  uint64_t last_freeze_ = 0;
};

}  // namespace ktape
