// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/tasks.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// Finds out why a task of a stopped machine does not run.
class CpuWait {
 public:
  // kNotFound names what this kernel lacks. `kernel` outlives it.
  [[nodiscard]] static Result<CpuWait> create(const Kernel& kernel);

  // Whether the task is runnable but not running: on a runqueue and on no CPU. Errors are those of
  // memory; kNotFound if no task has the pid.
  [[nodiscard]] Result<bool> waits(const GuestMemory& memory, Pid pid) const;

  // Whether it is blocked in the kernel (TASK_UNINTERRUPTIBLE of include/linux/sched.h), off every
  // runqueue. Errors as above.
  [[nodiscard]] Result<bool> is_blocked(const GuestMemory& memory, Pid pid) const;

 private:
  CpuWait(const Kernel& kernel, TaskFinder finder) : kernel_(&kernel), finder_(std::move(finder)) {}
  [[nodiscard]] Result<GuestVirtual> task(const GuestMemory& memory, Pid pid) const;
  [[nodiscard]] Result<uint64_t> value(const GuestMemory& memory, GuestVirtual task,
                                       const FieldInfo& field) const;

  const Kernel* kernel_;
  TaskFinder finder_;
  FieldInfo on_rq_, on_cpu_, state_;
};

}  // namespace ktape
