// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/survey/memory_survey.h"
#include "guest/memory/recording_memory.h"

namespace ktape {

// Knows what the memory of a scheduler is. Records, by reading:
//
//   every CPU's runqueue, its tasks, and the other per-CPU values that tell what it does
//   every task and thread, with what leads there from its pid and from its group
//   every task group, with its part on each CPU and the cgroup that it is
//   sched_ext's own variables, its schedulers with their exit information, every dispatch queue
//   the BPF maps that the guest has loaded: their heads, and the contents of arrays and hash tables
//   a handful of constants and counters that ops and gates use
//
// and the page tables on the way to all that. What a kernel does not have is left out; what it has
// and cannot be reached is a loss. Names are resolved once, when it is made. One per adopted
// kernel, which outlives it.
class SchedMemory {
 public:
  explicit SchedMemory(const Kernel& kernel);
  ~SchedMemory();

  // What a kernel restored from a tape reads although the adopted one does not: __per_cpu_offset.
  void record_anchors(const RecordingMemory& memory) const;
  // All of the above.
  [[nodiscard]] std::vector<MemoryLoss> record(const RecordingMemory& memory) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
