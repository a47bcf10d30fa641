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

// Puts on the tape what the guest's kernel takes its time from, and each change of it that is seen.
// Nothing where the kernel does not tell.
class ClocksourceWatch {
 public:
  // `recorder` outlives it.
  explicit ClocksourceWatch(Recorder& recorder) : recorder_(recorder) {}

  // Before the first look. `kernel` outlives it.
  void adopted(const Kernel& kernel);

  // Reads it, and records nothing yet: in a freeze as while the machine runs.
  void look(const GuestMemory& memory);
  // Records what the last look found, if that is new. `freeze`: in which it looked; 0: in none.
  Result<void> record(HostNs host, uint64_t freeze);

 private:
  Recorder& recorder_;
  std::optional<ClocksourceReader> reader_;
  std::string known_, seen_;  // on the tape; by the last look
};

}  // namespace ktape
