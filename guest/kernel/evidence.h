// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "guest/kernel/guest_memory.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/layout_log.h"
#include "schema/base/units.h"

namespace ktape {

// The innermost context that a kernel was in.
enum class ExecContext { kTask, kSoftirq, kHardirq, kNmi };

// What a CPU was in the middle of when it stopped, as its kernel's memory says.
struct CpuEvidence {
  bool known = false;          // false: a field or symbol is missing on this kernel
  uint64_t preempt_count = 0;  // its inverted need-resched bit taken out
  ExecContext context = ExecContext::kTask;
  Pid current_pid;
  std::string current_comm;
  bool runqueue_locked = false;
};

// A sequence count: while it is odd, what it protects is being changed.
struct SeqcountValue {
  std::string name;
  uint32_t sequence = 0;
};

// What a machine that stands still tells about the moment, whatever it was stopped for.
struct Evidence {
  std::vector<CpuEvidence> cpus;  // one element per CPU of the kernel, in order
  int64_t bypass_depth = -1;      // scx_bypass_depth; -1 where the kernel has none
  std::vector<SeqcountValue> seqcounts;
};

// Takes evidence. Names are resolved once, when it is made. One per adopted kernel, which outlives it.
class EvidenceReader {
 public:
  explicit EvidenceReader(const Kernel& kernel);
  ~EvidenceReader();

  [[nodiscard]] Evidence read(const GuestMemory& memory) const;

  // Fields that the evidence is made of: all of them at the first call, none later.
  [[nodiscard]] std::vector<UsedLayout> take_used_layouts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
