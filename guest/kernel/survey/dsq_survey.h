// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/rhashtable.h"
#include "guest/kernel/survey/memory_survey.h"
#include "guest/kernel/survey/task_survey.h"

namespace ktape {

// Records DSQs (struct scx_dispatch_q) with the tasks in them. See SchedMemory.
class DsqSurvey {
 public:
  // `tasks` outlives the survey.
  DsqSurvey(const Kernel& kernel, const TaskSurvey& tasks);

  // One DSQ, and every task in it that is not in `seen` yet. `seen` belongs to the whole survey, so
  // that no task is recorded twice.
  void queue(MemorySurvey& survey, GuestVirtual queue, TaskSurvey::Seen& seen) const;
  // The DSQs embedded in the CPUs' runqueues.
  void local_queues(MemorySurvey& survey, TaskSurvey::Seen& seen) const;
  // A struct rhashtable of DSQs: those created by schedulers.
  void table(MemorySurvey& survey, GuestVirtual rhashtable, TaskSurvey::Seen& seen) const;
  // An array, indexed by NUMA node, of pointers to objects with a DSQ at `offset`.
  void node_array(MemorySurvey& survey, GuestVirtual array, uint64_t offset,
                  TaskSurvey::Seen& seen) const;

 private:
  const TaskSurvey& tasks_;
  uint64_t queue_bytes_ = 0, node_bytes_ = 0;
  std::optional<uint64_t> list_, hash_node_;  // in struct scx_dispatch_q
  std::optional<uint64_t> task_node_;         // the struct list_head in a task that links it
  std::optional<FieldInfo> node_flags_;       // in struct scx_dsq_list_node
  uint64_t cursor_flag_ = 0;
  std::optional<RhashtableWalk> hash_;
  std::vector<uint64_t> local_;  // offsets of DSQs in struct rq
};

}  // namespace ktape
