// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/survey/dsq_survey.h"
#include "guest/kernel/survey/memory_survey.h"
#include "guest/kernel/survey/task_survey.h"

namespace ktape {

// Records sched_ext's variables and schedulers. See SchedMemory. The location depends on the kernel
// (kernel/sched/ext.c): separate variables up to 6.15, then struct scx_sched, later also structs
// per node and per CPU that it points to.
class ScxSurvey {
 public:
  // `queues` outlives the survey.
  ScxSurvey(const Kernel& kernel, const DsqSurvey& queues);

  // Every variable of sched_ext, and every scheduler with its DSQs and exit info.
  void schedulers(MemorySurvey& survey, TaskSurvey::Seen& seen) const;

 private:
  struct Variable {
    uint64_t link_address = 0;
    uint64_t bytes = 0;
  };
  struct PerCpuVariable {
    std::string name;
    uint64_t bytes = 0;
  };
  // The target of a member of struct scx_sched.
  struct Part {
    std::optional<uint64_t> offset;        // of the pointer
    uint64_t bytes = 0;                    // of its target
    std::optional<uint64_t> queue_offset;  // of a DSQ in there
  };

  void find_variables(const Kernel& kernel);
  void variables(MemorySurvey& survey) const;
  void variables_of_old(MemorySurvey& survey, TaskSurvey::Seen& seen) const;
  void scheduler(MemorySurvey& survey, GuestVirtual scheduler, TaskSurvey::Seen& seen) const;
  void per_cpu_part(MemorySurvey& survey, GuestVirtual scheduler, const Part& part,
                    TaskSurvey::Seen& seen) const;
  void exit_info(MemorySurvey& survey, GuestVirtual info) const;

  const DsqSurvey& queues_;
  std::vector<Variable> variables_;
  std::vector<PerCpuVariable> per_cpu_variables_;
  uint64_t scheduler_bytes_ = 0, info_bytes_ = 0;
  std::optional<uint64_t> all_, dsq_hash_, cgroup_path_, info_;  // in struct scx_sched
  Part global_queues_, nodes_;                                   // arrays by node
  std::vector<Part> per_cpu_;                                    // per-CPU pointers
  std::optional<uint64_t> reason_, backtrace_, backtrace_length_, message_,
      dump_;  // in scx_exit_info
};

}  // namespace ktape
