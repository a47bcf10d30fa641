// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

inline constexpr char kDispatchQueue[] = "struct scx_dispatch_q";

// The CPUs by their local DSQs, once they were looked up; they stay where they are after boot.
using LocalQueues = std::optional<std::map<GuestVirtual, CpuId>>;

// Finds the lock that protects a DSQ and the positions of tasks in it (kernel/sched/ext.c:
// dispatch_enqueue(), dispatch_dequeue()): a CPU's local DSQ is protected by that CPU's runqueue
// lock, any other by its own lock.
class DsqLock {
 public:
  // `kernel` outlives it; `log` is used here only.
  DsqLock(const Kernel& kernel, LayoutLog& log);

  // The CPU whose local DSQ `dsq` is; nothing if it is not a local one, or cannot be read. `known`
  // is filled when it is needed: one for many DSQs keeps the cost from growing by DSQs times CPUs.
  [[nodiscard]] std::optional<CpuId> local_to(const GuestMemory& memory, GuestVirtual dsq,
                                              LocalQueues& known) const;

  // The word of its own lock: 0 if free. kNotFound names what this kernel's BTF lacks.
  [[nodiscard]] Result<uint64_t> word(const GuestMemory& memory, GuestVirtual dsq) const;

 private:
  [[nodiscard]] std::map<GuestVirtual, CpuId> local_queues(const GuestMemory& memory) const;

  const Kernel* kernel_;
  Result<GuestVirtual> runqueues_;  // as a per-CPU pointer
  std::optional<FieldInfo> lock_, id_, local_dsq_;
  std::optional<uint64_t> local_id_;
};

}  // namespace ktape
