// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/sched/dsq_lock.h"
#include "guest/kernel/sched/evidence.h"
#include "guest/kernel/sched/runqueue_lock.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

enum class ProtectorKind { kPiLock, kRunqueueLock, kDsqLock, kSeqcount, kOwnCpu };

// Something that protects a value, as found in a freeze.
struct ProtectorSeen {
  ProtectorKind kind = ProtectorKind::kRunqueueLock;
  uint64_t which = 0;  // the runqueue's CPU, the own CPU, or the address of the DSQ
  uint64_t word = 0;   // of a lock, or the count of a sequence count
  bool free = false;   // what it protects was not being changed
  // The name of a sequence count; for the own CPU, the context in which it was updating its
  // variables.
  std::string name = {};
};
// Everything that protects a value: empty if nothing is known to, an error if it cannot be read.
using ProtectionReading = Result<std::vector<ProtectorSeen>>;

// What protects the value of a read, as far as its target and path show.
struct ToProtect {
  const GateReadings* task =
      nullptr;                       // a task's own fields: its pi_lock and its CPU's runqueue lock
  std::optional<CpuId> runqueue;     // the fields of a CPU's runqueue
  std::vector<GuestVirtual> queues;  // DSQs
  std::string symbol;                // a variable
  std::optional<CpuId> own_cpu;      // a per-CPU variable that this CPU alone changes
};

// Finds out whether what protects a value is free, for gate `consistent`. Knows pi_lock, runqueue
// locks, DSQ locks, sequence counts and variables that only their own CPU changes; RCU and
// everything else protects values that it knows nothing about, and then the read is refused.
class Protection {
 public:
  // `kernel` outlives it; `log` is used here only.
  Protection(const Kernel& kernel, LayoutLog& log)
      : kernel_(kernel), runqueue_lock_(kernel, log), dsq_lock_(kernel, log) {}

  [[nodiscard]] ProtectionReading evaluate(const GuestMemory& memory, const ToProtect& value,
                                           const StopMoment& moment) const;
  [[nodiscard]] const DsqLock& dsq_lock() const { return dsq_lock_; }

 private:
  Result<void> observe_runqueue(const GuestMemory& memory, CpuId cpu,
                                std::vector<ProtectorSeen>& seen) const;
  Result<void> observe_queue(const GuestMemory& memory, GuestVirtual queue, LocalQueues& locals,
                             std::vector<ProtectorSeen>& seen) const;

  const Kernel& kernel_;
  RunqueueLock runqueue_lock_;
  DsqLock dsq_lock_;
};

// The locks of a task that was found, from what gate `unlocked` read: no memory is read again. The
// error of that gate if it was not evaluated.
[[nodiscard]] ProtectionReading task_locks(const GateReadings& task);
// False for an empty reading: nothing known to protect a value is not the same as a free lock.
[[nodiscard]] bool all_free(const ProtectionReading& reading);
// Whether a protector that is not free may be free a moment later.
[[nodiscard]] bool may_become_free(const ProtectionReading& reading);
// "pi_lock", "runqueue lock of CPU 1": as in LockUser.lock.
[[nodiscard]] std::string protector_name(const ProtectorSeen& protector);
// The result of gate `consistent`, as text.
[[nodiscard]] GateResult consistent_gate(const ProtectionReading& reading);

}  // namespace ktape
