// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/cpu_wait.h"

#include <optional>
#include <string>

namespace ktape {

namespace {

constexpr uint64_t kUninterruptible = 2;

}  // namespace

Result<CpuWait> CpuWait::create(const Kernel& kernel) {
  LayoutLog log(kernel.btf());
  KTAPE_ASSIGN(TaskFinder finder, TaskFinder::create(kernel, log));
  CpuWait wait(kernel, std::move(finder));
  KTAPE_ASSIGN(wait.on_rq_, log.field("struct task_struct", "on_rq"));
  KTAPE_ASSIGN(wait.on_cpu_, log.field("struct task_struct", "on_cpu"));
  KTAPE_ASSIGN(wait.state_, log.field("struct task_struct", "__state"));
  return wait;
}

Result<bool> CpuWait::waits(const GuestMemory& memory, Pid pid) const {
  KTAPE_ASSIGN(const GuestVirtual at, task(memory, pid));
  KTAPE_ASSIGN(const uint64_t on_rq, value(memory, at, on_rq_));
  KTAPE_ASSIGN(const uint64_t on_cpu, value(memory, at, on_cpu_));
  // on_cpu, not rq->curr: it is still set while a task is being switched out, when it does not wait
  // yet.
  return on_rq != 0 && on_cpu == 0;
}

Result<bool> CpuWait::is_blocked(const GuestMemory& memory, Pid pid) const {
  KTAPE_ASSIGN(const GuestVirtual at, task(memory, pid));
  KTAPE_ASSIGN(const uint64_t on_rq, value(memory, at, on_rq_));
  KTAPE_ASSIGN(const uint64_t state, value(memory, at, state_));
  // Off the runqueue, too: a task sets its state before it leaves, and may still be running.
  return on_rq == 0 && (state & kUninterruptible) != 0;
}

Result<GuestVirtual> CpuWait::task(const GuestMemory& memory, Pid pid) const {
  KTAPE_ASSIGN(const std::optional<GuestVirtual> found, finder_.find(memory, pid));
  if (!found)
    return Error{ErrorCode::kNotFound, "no task has pid " + std::to_string(pid.value), ""};
  return *found;
}

Result<uint64_t> CpuWait::value(const GuestMemory& memory, GuestVirtual task,
                                const FieldInfo& field) const {
  return kernel_->read_uint(memory, task + field.offset_bytes, field.type.size_bytes);
}

}  // namespace ktape
