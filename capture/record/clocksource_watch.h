// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "capture/record/recorder.h"
#include "guest/kernel/guest_clock.h"
#include "guest/kernel/kernel.h"
#include "schema/base/result.h"

namespace ktape {

// Records the guest's clocksource and each change of it that is seen. Records nothing if the kernel
// lacks the symbols or types to read it by.
class ClocksourceWatch {
 public:
  // `recorder` outlives it.
  explicit ClocksourceWatch(Recorder& recorder) : recorder_(recorder) {}

  // Called before the first sample. `kernel` outlives it.
  void adopted(const Kernel& kernel);

  // Reads the clocksource without recording it. Works in a freeze and while the machine runs.
  void sample(const GuestMemory& memory);
  // Records the clocksource of the last sample if it changed. `freeze`: in which it was read; 0:
  // none.
  Result<void> record(HostNs host, uint64_t freeze);

 private:
  Recorder& recorder_;
  std::optional<ClocksourceReader> reader_;
  std::string known_, seen_;  // last recorded; last read
};

}  // namespace ktape
