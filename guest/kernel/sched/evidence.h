// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"

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
  // How the current task is scheduled; each of them nothing where it could not be read.
  std::optional<int32_t> current_policy;
  std::optional<GuestVirtual> current_class;  // its sched_class, which class_name() names
  std::optional<int32_t> current_priority;    // `prio`: the one in force
  std::optional<uint32_t> current_rt_priority;
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

// A vCPU's registers when it stopped, as far as they tell what it was in the middle of.
struct StoppedCpu {
  bool known = false;
  GuestVirtual rip;
  uint8_t cpl = 0;  // privilege level: 0 kernel, 3 user
  bool interrupts_enabled = false;
};

// All that is known of a moment in which a machine stands still.
struct StopMoment {
  std::vector<StoppedCpu> cpus;  // one element per vCPU, or none
  Evidence evidence;
};

// Takes evidence. Names are resolved once, when it is made. One per adopted kernel, which outlives
// it.
class EvidenceReader {
 public:
  explicit EvidenceReader(const Kernel& kernel);
  ~EvidenceReader();

  // `with_scheduling`: also policy, class and priority of the current tasks. An older recorder did
  // not read them, and may not have kept the memory that they stand in.
  [[nodiscard]] Evidence read(const GuestMemory& memory, bool with_scheduling = true) const;

  // Fields that the evidence is made of: all of them at the first call, none later.
  [[nodiscard]] std::vector<UsedLayout> take_used_layouts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The symbol of a sched_class: "ext_sched_class"; its address where no symbol stands.
[[nodiscard]] std::string class_name(const Kernel& kernel, GuestVirtual at);

// Into a record, with the names that they have on this kernel. Looks at no memory.
void write_evidence(const Kernel& kernel, const CpuEvidence& evidence,
                    schema::VcpuState::Builder to);

}  // namespace ktape
