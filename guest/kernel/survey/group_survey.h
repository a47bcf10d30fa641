// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/survey/memory_survey.h"

namespace ktape {

// Records task groups: each struct task_group with its fair-class entity and queue on every CPU,
// and the source of its name: its cgroup with the kernfs nodes above it, or its autogroup. See
// SchedMemory.
class GroupSurvey {
 public:
  explicit GroupSurvey(const Kernel& kernel);

  // All groups in the list `task_groups` (kernel/sched/core.c). None in a kernel without groups.
  void groups(MemorySurvey& survey) const;

 private:
  using Offset = std::optional<uint64_t>;
  // A member that refers to one object per CPU.
  struct PerCpuMember {
    uint64_t offset = 0;  // in struct task_group
    uint64_t bytes = 0;   // of the object
  };

  void find_per_cpu_members(const Btf& btf);
  void group(MemorySurvey& survey, GuestVirtual group) const;
  void pointer_array(MemorySurvey& survey, GuestVirtual group, const PerCpuMember& member) const;
  void per_cpu_part(MemorySurvey& survey, GuestVirtual group) const;
  void cgroup(MemorySurvey& survey, GuestVirtual cgroup) const;

  uint64_t group_bytes_ = 0, cgroup_bytes_ = 0, node_bytes_ = 0, autogroup_bytes_ = 0;
  Offset list_, parent_, css_cgroup_, autogroup_;  // in struct task_group
  Offset cgroup_node_;                             // in struct cgroup
  Offset node_name_, node_parent_;                 // in struct kernfs_node
  std::vector<PerCpuMember> arrays_;               // of pointers, one per CPU
  std::optional<PerCpuMember> per_cpu_;            // a per-CPU pointer; `bytes` of only the queue
  uint64_t state_bytes_ = 0;                       // of its target, in a group that has a parent
};

}  // namespace ktape
