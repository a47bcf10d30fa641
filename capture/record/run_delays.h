// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "capture/record/recorder.h"
#include "guest/machine/host_times.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"

namespace ktape {

// Records how long each vCPU has waited for a host CPU. Records nothing if the machine has no
// threads, or the host has no statistics about any of them.
class RunDelayLog {
 public:
  // Both outlive it.
  RunDelayLog(const Machine& machine, Recorder& recorder)
      : machine_(machine), recorder_(recorder) {}

  // Records the current values while the machine runs.
  Result<void> record() { return record_at(recorder_.now(), 0, machine_.host_times()); }
  // Records values read in a freeze.
  Result<void> record_at(HostNs host, uint64_t freeze, const HostTimes& times);

 private:
  const Machine& machine_;
  Recorder& recorder_;
  StealWatch steal_;
};

// How much longer ktape's thread and the emulator's main thread had waited by `later`; nothing
// unless the host has statistics about both.
[[nodiscard]] std::optional<uint64_t> waited_between(const HostTimes& earlier,
                                                     const HostTimes& later);

}  // namespace ktape
