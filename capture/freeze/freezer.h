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

// What is done while the machine stands still, which copies and compares only; and what came of it,
// asked once the machine has been thawed: entries of the reason's request.
struct FreezeWork {
  std::function<void(WritableGuestMemory&, const StopMoment&)> serve;
  std::function<std::vector<OpResult>(const StopMoment&)> describe;
};

// A freeze that took place, and is on the tape.
struct FreezeDone {
  uint64_t id = 0;
  std::vector<OpResult> results;       // of the work
  Recorder::Clock::time_point thawed;  // the guest runs since
  Result<void> thaw;                   // kMachineLost: the machine did not resume
};

// Freezes a machine, takes evidence, keeps its memory, lets work be done, thaws, and records all
// that: the same way whatever the cause. The machine's time at a standstill is counted.
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

  // `work` may be empty: {}. Fails when the machine could not be frozen (nothing is recorded then),
  // or when the tape cannot be written.
  Result<FreezeDone> freeze(const FreezeReason& reason, const FreezeWork& work);

  // Called each time that the machine has come to a stop, whatever for; copies and compares only.
  void observe(std::function<void(StoppedMachine&)> observer) { observer_ = std::move(observer); }

  // The same in two parts, for who must look before it is known what the freeze is for.
  Result<StoppedMachine> stop();
  Result<FreezeDone> finish(StoppedMachine at, const FreezeReason& reason, const FreezeWork& work);
  // Or for nothing: the machine goes on, and no freeze is recorded.
  Result<void> resume(StoppedMachine at);

  // Records fields that an op or the evidence used, each once in a run.
  Result<void> record_layouts(std::vector<UsedLayout> used);

  // Host time that the machine has stood still so far.
  [[nodiscard]] std::chrono::nanoseconds frozen_time() const { return frozen_time_; }
  [[nodiscard]] uint64_t freezes() const { return last_freeze_; }

 private:
  struct Moment;  // what one freeze brought, until it is recorded

  Result<void> record(const FreezeReason& reason, const Moment& moment, const FreezeDone& done);
  Result<void> record_frozen(const Moment& moment, uint64_t freeze);
  Result<void> record_thawed(const Moment& moment, const FreezeDone& done);
  Result<void> record_gates(const FreezeReason& reason, const Moment& moment,
                            const FreezeDone& done);

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
