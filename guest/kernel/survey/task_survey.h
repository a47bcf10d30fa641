// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/survey/idr_survey.h"
#include "guest/kernel/survey/memory_survey.h"

namespace ktape {

// Records runqueues and tasks. See SchedMemory.
class TaskSurvey {
 public:
  explicit TaskSurvey(const Kernel& kernel);

  // Tasks that were already recorded in a survey.
  using Seen = std::unordered_set<uint64_t>;

  // Each CPU's runqueue with the tasks it points to, and the per-CPU values that the evidence
  // reads.
  void runqueues(MemorySurvey& survey, Seen& seen) const;
  // Every task that has a pid, including threads, with its struct pid and the pid IDR.
  void tasks(MemorySurvey& survey, Seen& seen) const;
  // One task, with its thread group.
  void task(MemorySurvey& survey, GuestVirtual task, Seen& seen) const;

 private:
  struct PerCpuVariable {
    std::string name;
    uint64_t bytes = 0;
  };

  void leaf_queues(MemorySurvey& survey, GuestVirtual rq) const;

  uint64_t task_bytes_ = 0;
  uint64_t pid_bytes_ = 0;
  uint64_t signal_bytes_ = 0;
  std::optional<uint64_t> signal_offset_;
  std::optional<uint64_t> pid_tasks_offset_;  // struct pid, tasks[PIDTYPE_PID].first
  std::optional<uint64_t> pid_link_offset_;   // struct task_struct, pid_links[PIDTYPE_PID]
  std::optional<uint64_t> idr_offset_;        // in struct pid_namespace
  std::optional<IdrSurvey> idr_;
  std::vector<uint64_t> rq_tasks_;  // offsets of pointers to tasks in struct rq
  std::vector<PerCpuVariable> per_cpu_;
  std::optional<uint64_t> leaf_list_offset_, leaf_link_offset_, leaf_group_offset_;
  uint64_t leaf_bytes_ = 0;
  uint64_t group_bytes_ = 0;
};

}  // namespace ktape
