// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// Path of the lock word in a raw_spinlock_t: a qspinlock, which is 0 if and only if nobody holds it
// or waits for it (include/asm-generic/qspinlock_types.h).
inline constexpr char kLockWord[] = ".raw_lock.val.counter";

// Reads whether a CPU's runqueue is locked.
class RunqueueLock {
 public:
  // `kernel` outlives it; `log` is used here only.
  RunqueueLock(const Kernel& kernel, LayoutLog& log);

  // The lock's word: 0 if free. kNotFound names what this kernel's BTF lacks; kOutOfRange for a CPU
  // that does not exist. Reads at most three words.
  [[nodiscard]] Result<uint64_t> word(const GuestMemory& memory, CpuId cpu) const;
  [[nodiscard]] Result<bool> held(const GuestMemory& memory, CpuId cpu) const;

 private:
  const Kernel* kernel_;
  Result<GuestVirtual> runqueues_;  // as a per-CPU pointer
  std::optional<FieldInfo> lock_;
  // With core scheduling enabled, SMT siblings share the lock of one of their runqueues
  // (kernel/sched/sched.h, __rq_lockp).
  std::optional<FieldInfo> core_enabled_;
  std::optional<FieldInfo> core_;
};

}  // namespace ktape
