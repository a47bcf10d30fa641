// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/runqueue_lock.h"

#include <string>

namespace ktape {

RunqueueLock::RunqueueLock(const Kernel& kernel, LayoutLog& log)
    : kernel_(&kernel), runqueues_(kernel.symbol("runqueues")) {
  const std::string word(kLockWord);
  // `lock` before core scheduling.
  lock_ = log.first_of("struct rq", {"__lock" + word, "lock" + word});
  core_enabled_ = log.first_of("struct rq", {"core_enabled"});
  core_ = log.first_of("struct rq", {"core"});
}

Result<uint64_t> RunqueueLock::word(const GuestMemory& memory, CpuId cpu) const {
  if (!lock_)
    return Error{ErrorCode::kNotFound,
                 "this kernel's 'struct rq' has no '__lock' that is a qspinlock", ""};
  KTAPE_ASSIGN(const GuestVirtual runqueues, runqueues_);
  KTAPE_ASSIGN(GuestVirtual rq, kernel_->per_cpu_pointer(memory, runqueues.value, cpu));
  // Without CONFIG_SCHED_CORE neither member exists, and each runqueue has its own lock.
  if (core_enabled_ && core_) {
    KTAPE_ASSIGN(const uint64_t enabled,
                 kernel_->read_uint(memory, rq + core_enabled_->offset_bytes,
                                    core_enabled_->type.size_bytes));
    if (enabled != 0) {
      KTAPE_ASSIGN(const uint64_t core,
                   kernel_->read_uint(memory, rq + core_->offset_bytes, core_->type.size_bytes));
      // `core` points to the sibling whose lock they share; it may be this runqueue.
      rq = GuestVirtual(core);
    }
  }
  return kernel_->read_uint(memory, rq + lock_->offset_bytes, lock_->type.size_bytes);
}

Result<bool> RunqueueLock::held(const GuestMemory& memory, CpuId cpu) const {
  KTAPE_ASSIGN(const uint64_t found, word(memory, cpu));
  return found != 0;
}

}  // namespace ktape
