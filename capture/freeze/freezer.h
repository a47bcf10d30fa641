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

// A vCPU that was at a trigger's function when the machine stopped.
struct TriggerHit {
  std::string trigger;  // its name
  int32_t vcpu = -1;
  std::string detail;  // what the kernel's memory says about it
};

// Why a machine is frozen.
struct FreezeReason {
  schema::FreezeCause cause = schema::FreezeCause::NOT_SAID;
  uint64_t op = 0;               // the request served in this freeze; 0: none
  std::vector<TriggerHit> hits;  // for FreezeCause::TRIGGER: one or more
  uint64_t interval = 0;         // for FreezeCause::PERIODIC: number of the interval
  uint32_t attempt = 0;  // number of this freeze among those of the request, from 1; 0: no request
  std::string detail;    // for causes other than triggers: what was found
};

// A stopped machine. The tape does not have the freeze yet. Destroying it thaws the machine.
struct StoppedMachine {
  Frozen frozen;
  Recorder::Clock::time_point began, stopped;
  HostTimes host;  // as of the stop
  Result<std::vector<VcpuRegisters>> registers;
};

// A freeze that will be recorded. First the machine is stopped and ops are served, then it is
// resumed, then everything is recorded. The fields are filled in that order. `stopped_at` is the
// stop that this freeze records; several stops may pass without one.
struct FreezeInProgress {
  FreezeInProgress(uint64_t number, StoppedMachine stopped_at)
      : id(number), at(std::move(stopped_at)) {}

  uint64_t id;
  StoppedMachine at;
  WritableGuestMemory* memory = nullptr;  // the guest's, kept for the tape; valid until the thaw
  StopMoment stop;                        // registers and evidence

  // Filled in by thaw().
  Recorder::Clock::time_point thawing, thawed;  // the guest has run since `thawed`
  HostTimes host_after;
  Result<void> thaw;  // kMachineLost: the machine did not resume
};

// Freezes a machine, takes evidence, keeps memory, thaws, and records it all, in the same way for
// every cause. Callers serve ops between begin() and thaw(). Counts the time for which the machine
// is stopped.
class Freezer {
 public:
  // Both outlive the freezer.
  Freezer(Machine& machine, Recorder& recorder, schema::MemoryMode memory)
      : machine_(machine),
        recorder_(recorder),
        pages_(memory, recorder),
        delays_(machine, recorder),
        clocksource_(recorder) {}

  // Called before the first freeze. `kernel` outlives the freezer. Records the guest's clocksource;
  // later freezes record changes of it.
  Result<void> adopted(const Kernel& kernel);

  // Records how long the vCPUs have waited for host CPUs so far and, once the kernel is adopted,
  // any change of the clocksource. Call it while the machine runs or after it has ended.
  Result<void> sample_while_running();

  // Called whenever the machine stops, for any reason. It may only copy and compare memory.
  void observe(std::function<void(StoppedMachine&)> observer) { observer_ = std::move(observer); }

  // Fails if the machine could not be stopped; nothing is recorded then. The kernel must be
  // adopted. Not counted as a freeze until begin().
  Result<StoppedMachine> stop();
  // Resumes the machine without recording a freeze.
  Result<void> resume(StoppedMachine at);

  // A freeze is begun, thawed and recorded, once each and in this order. Between begin() and thaw()
  // memory is only compared and copied.
  [[nodiscard]] FreezeInProgress begin(StoppedMachine at);
  void thaw(FreezeInProgress& freeze);
  // `results` belong to the entries of the reason's request. Fails if the tape cannot be written.
  Result<void> record(FreezeInProgress& freeze, const FreezeReason& reason,
                      const std::vector<OpResult>& results);

  // A complete freeze without any op. Fails as stop() and record() do, and with kMachineLost.
  Result<void> freeze(const FreezeReason& reason);

  // Records fields that an op or the evidence used, each once per run.
  Result<void> record_layouts(std::vector<UsedLayout> used);

  // Host time for which the machine has been stopped so far.
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
