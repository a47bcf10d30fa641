// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/dsq_lock.h"

#include <string>

#include "guest/kernel/sched/runqueue_lock.h"

namespace ktape {

DsqLock::DsqLock(const Kernel& kernel, LayoutLog& log)
    : kernel_(&kernel),
      runqueues_(kernel.symbol("runqueues")),
      local_id_(kernel.btf().enumerator("scx_dsq_id_flags", "SCX_DSQ_LOCAL")) {
  // A kernel whose spinlocks are not qspinlocks has no such member; word() then reports it.
  lock_ = log.first_of(kDispatchQueue, {std::string("lock") + kLockWord});
  id_ = log.first_of(kDispatchQueue, {"id"});
  local_dsq_ = log.first_of("struct rq", {"scx.local_dsq"});
}

std::map<GuestVirtual, CpuId> DsqLock::local_queues(const GuestMemory& memory) const {
  std::map<GuestVirtual, CpuId> queues;
  for (uint32_t cpu = 0; cpu < kernel_->facts().cpus; ++cpu) {
    const Result<GuestVirtual> rq = kernel_->per_cpu_pointer(memory, runqueues_->value, CpuId(cpu));
    if (rq.ok()) queues.try_emplace(*rq + local_dsq_->offset_bytes, cpu);
  }
  return queues;
}

std::optional<CpuId> DsqLock::local_to(const GuestMemory& memory, GuestVirtual dsq,
                                       LocalQueues& known) const {
  if (!runqueues_.ok() || !id_ || !local_dsq_ || !local_id_) return std::nullopt;
  const Result<uint64_t> id =
      kernel_->read_uint(memory, dsq + id_->offset_bytes, id_->type.size_bytes);
  // The id says "a local DSQ" but not whose: all CPUs share SCX_DSQ_LOCAL, so the address decides.
  if (!id.ok() || *id != *local_id_) return std::nullopt;
  if (!known) known = local_queues(memory);
  const auto found = known->find(dsq);
  return found == known->end() ? std::nullopt : std::optional(found->second);
}

Result<uint64_t> DsqLock::word(const GuestMemory& memory, GuestVirtual dsq) const {
  if (!lock_) {
    return Error{ErrorCode::kNotFound,
                 "this kernel's 'struct scx_dispatch_q' has no 'lock' that is a qspinlock", ""};
  }
  return kernel_->read_uint(memory, dsq + lock_->offset_bytes, lock_->type.size_bytes);
}

}  // namespace ktape
