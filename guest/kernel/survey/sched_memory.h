// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/survey/memory_survey.h"
#include "guest/memory/recording_memory.h"

namespace ktape {

// Knows which memory belongs to scheduling. Records, by reading it:
//
//   every CPU's runqueue, its tasks, and the other per-CPU values that show what the CPU does
//   every task and thread, with the structures that lead to it from its pid and from its group
//   every task group, with its part on each CPU and its cgroup
//   sched_ext's own variables, its schedulers with their exit info, every DSQ
//   the BPF maps that the guest has loaded: their heads, and the contents of arrays and hash tables
//   some constants and counters that ops and gates use
//
// and the page tables on the way to all that. What a kernel does not have is left out; what it has
// but cannot be read is a loss. Resolves names once, when created. One per adopted kernel, which
// outlives it.
class SchedMemory {
 public:
  explicit SchedMemory(const Kernel& kernel);
  ~SchedMemory();

  // Records what a kernel restored from a tape reads, but the adopted one does not:
  // __per_cpu_offset.
  void record_anchors(const RecordingMemory& memory) const;
  // Records all of the above. In a freeze. Does not fail: what cannot be read is in the result.
  [[nodiscard]] std::vector<MemoryLoss> record(const RecordingMemory& memory) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
