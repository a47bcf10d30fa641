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

// The innermost context of a CPU in the kernel.
enum class ExecContext { kTask, kSoftirq, kHardirq, kNmi };

// What a CPU was doing when it stopped, according to its kernel's memory.
struct CpuEvidence {
  bool known = false;          // false: a field or symbol is missing on this kernel
  uint64_t preempt_count = 0;  // without its inverted need-resched bit
  ExecContext context = ExecContext::kTask;
  Pid current_pid;
  std::string current_comm;
  // The lock's word was not 0: held, or waited for.
  bool runqueue_locked = false;
  // How the current task is scheduled; each is nothing if it could not be read.
  std::optional<int32_t> current_policy;
  std::optional<GuestVirtual> current_class;  // its sched_class; see class_name()
  std::optional<int32_t> current_priority;    // `prio`: the effective one
  std::optional<uint32_t> current_rt_priority;
};

// A sequence count. While it is odd, what it protects is being changed.
struct SeqcountValue {
  std::string name;
  uint32_t sequence = 0;
};

// The state of a stopped machine, whatever the reason for the stop.
struct Evidence {
  std::vector<CpuEvidence> cpus;  // one element per CPU of the kernel, in order
  int64_t bypass_depth = -1;      // scx_bypass_depth; -1 if the kernel has none
  std::vector<SeqcountValue> seqcounts;
};

// The registers of a stopped vCPU that show what it was doing.
struct StoppedCpu {
  bool known = false;
  GuestVirtual rip;
  uint8_t cpl = 0;  // privilege level: 0 kernel, 3 user
  bool interrupts_enabled = false;
};

// Everything known about the moment at which a machine is stopped.
struct StopMoment {
  std::vector<StoppedCpu> cpus;  // one element per vCPU, or none
  Evidence evidence;
};

// Takes evidence. Resolves names once, when created. One per adopted kernel, which outlives it.
class EvidenceReader {
 public:
  // Does not fail: what this kernel lacks is unknown in each reading.
  explicit EvidenceReader(const Kernel& kernel);
  ~EvidenceReader();

  // `with_scheduling`: also reads policy, class and priority of the current tasks. Older recorders
  // did not read them, and may not have kept that memory. Runs in every freeze while the guest is
  // stopped. A CPU whose memory cannot be read is returned as unknown; never fails as a whole.
  [[nodiscard]] Evidence read(const GuestMemory& memory, bool with_scheduling = true) const;

  // The fields that the evidence is made of: all of them at the first call, none later.
  [[nodiscard]] std::vector<UsedLayout> take_used_layouts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The symbol of a sched_class: "ext_sched_class"; its address if it has no symbol.
[[nodiscard]] std::string class_name(const Kernel& kernel, GuestVirtual at);

// Writes the evidence into a record, with names from this kernel. Reads no memory.
void write_evidence(const Kernel& kernel, const CpuEvidence& evidence,
                    schema::VcpuState::Builder to);

}  // namespace ktape
