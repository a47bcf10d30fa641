// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

inline constexpr std::string_view kTaskStruct = "struct task_struct";

// Finds tasks by thread id, as the kernel does: through the IDR of the initial pid namespace
// (kernel/pid.c, find_task_by_pid_ns; lib/radix-tree.c).
class TaskFinder {
 public:
  // kNotFound names what this kernel's BTF or symbols lack.
  [[nodiscard]] static Result<TaskFinder> create(const Kernel& kernel, LayoutLog& log);

  // Address of the struct task_struct; nothing if no task has that pid. Errors are those of memory,
  // and kBadInput for a damaged IDR, e.g. a circular one.
  [[nodiscard]] Result<std::optional<GuestVirtual>> find(const GuestMemory& memory, Pid pid) const;

 private:
  explicit TaskFinder(const Kernel& kernel) : kernel_(&kernel) {}
  [[nodiscard]] Result<uint64_t> lookup(const GuestMemory& memory, uint64_t index) const;

  const Kernel* kernel_;
  GuestVirtual idr_;
  uint64_t head_offset_ = 0;       // of idr_rt.xa_head
  uint64_t base_offset_ = 0;       // of idr_base
  uint64_t shift_offset_ = 0;      // within struct xa_node
  uint64_t slots_offset_ = 0;      // within struct xa_node
  uint64_t slots_ = 0;             // per node
  uint64_t pid_tasks_offset_ = 0;  // struct pid, tasks[PIDTYPE_PID].first
  uint64_t pid_link_offset_ = 0;   // struct task_struct, pid_links[PIDTYPE_PID]
};

}  // namespace ktape
