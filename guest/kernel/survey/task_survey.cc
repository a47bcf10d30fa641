// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/task_survey.h"

#include "guest/kernel/types/survey_types.h"

namespace ktape {

TaskSurvey::TaskSurvey(const Kernel& kernel) : idr_(IdrSurvey::create(kernel.btf())) {
  const Btf& btf = kernel.btf();
  task_bytes_ = size_of(btf, "struct task_struct");
  pid_bytes_ = size_of(btf, "struct pid");
  signal_bytes_ = size_of(btf, "struct signal_struct");
  signal_offset_ = offset_of(btf, "struct task_struct", "signal");
  const std::string type = std::to_string(btf.enumerator("pid_type", "PIDTYPE_PID").value_or(0));
  pid_tasks_offset_ = offset_of(btf, "struct pid", "tasks[" + type + "].first");
  pid_link_offset_ = offset_of(btf, "struct task_struct", "pid_links[" + type + "]");
  idr_offset_ = offset_of(btf, "struct pid_namespace", "idr");
  // `donor` since af0c8b2bf67b ("sched: Split scheduler and execution contexts").
  for (const char* name : {"curr", "idle", "stop", "donor"}) {
    if (auto offset = offset_of(btf, "struct rq", name)) rq_tasks_.push_back(*offset);
  }
  for (const char* name :
       // Those that this kernel has: `pcpu_hot` held the current task and the preempt count in some
       // releases.
       {"runqueues", "current_task", "__preempt_count", "pcpu_hot", "this_cpu_off"}) {
    if (!btf.has_variable(name)) continue;
    const Result<TypeInfo> variable = btf.variable(name);
    if (variable.ok()) per_cpu_.push_back({name, variable->size_bytes});
  }
  leaf_list_offset_ = offset_of(btf, "struct rq", "leaf_cfs_rq_list");
  leaf_link_offset_ = offset_of(btf, "struct cfs_rq", "leaf_cfs_rq_list");
  leaf_group_offset_ = offset_of(btf, "struct cfs_rq", "tg");
  leaf_bytes_ = size_of(btf, "struct cfs_rq");
  group_bytes_ = size_of(btf, "struct task_group");
}

void TaskSurvey::runqueues(MemorySurvey& survey, Seen& seen) const {
  const Kernel& kernel = survey.kernel();
  for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
    for (const PerCpuVariable& variable : per_cpu_) {
      const Result<GuestVirtual> at = kernel.per_cpu(survey.memory(), variable.name, CpuId(cpu));
      if (!at.ok() || !survey.keep(*at, variable.bytes)) continue;
      if (variable.name != "runqueues") continue;
      for (const uint64_t offset : rq_tasks_) {
        if (const auto found = survey.pointer(*at + offset)) task(survey, *found, seen);
      }
      leaf_queues(survey, *at);
    }
  }
}

// The fair class's queues of task groups on one CPU (kernel/sched/fair.c, leaf_cfs_rq_list).
void TaskSurvey::leaf_queues(MemorySurvey& survey, GuestVirtual rq) const {
  if (!leaf_list_offset_ || !leaf_link_offset_) return;
  survey.list(rq + *leaf_list_offset_, [&](GuestVirtual link) {
    const GuestVirtual queue(link.value - *leaf_link_offset_);
    // The list is broken from here on if an entry cannot be read.
    if (!survey.keep(queue, leaf_bytes_)) return false;
    if (leaf_group_offset_) {
      if (const auto group = survey.pointer(queue + *leaf_group_offset_))
        survey.keep(*group, group_bytes_);
    }
    return true;
  });
}

void TaskSurvey::tasks(MemorySurvey& survey, Seen& seen) const {
  // Every CPU's idle task is a thread of this one, and none of them has its own pid. Idle tasks
  // have pid 0 and are not in the IDR; they are found as threads of init_task.
  if (const auto init_task = survey.symbol("init_task")) task(survey, *init_task, seen);
  const auto init_pid_ns = survey.symbol("init_pid_ns");
  if (!init_pid_ns || !idr_ || !idr_offset_ || !pid_tasks_offset_ || !pid_link_offset_) return;
  idr_->entries(survey, *init_pid_ns + *idr_offset_, [&](uint64_t entry) {
    // The IDR holds struct pid, not tasks; a pid in use has a task in its list.
    const GuestVirtual pid(entry);
    if (!survey.keep(pid, pid_bytes_)) return;
    // A struct pid outlives its task while it is still referenced.
    const auto link = survey.pointer(pid + *pid_tasks_offset_);
    if (link) task(survey, GuestVirtual(link->value - *pid_link_offset_), seen);
  });
  // idr_base, which a lookup by pid also reads, is next to the head.
  survey.keep(*init_pid_ns + *idr_offset_, size_of(survey.kernel().btf(), "struct idr"));
}

void TaskSurvey::task(MemorySurvey& survey, GuestVirtual task, Seen& seen) const {
  // A task is reached on several ways, and each costs a budget.
  if (!seen.insert(task.value).second) return;
  if (!survey.keep(task, task_bytes_) || !signal_offset_) return;
  // It has the list of threads (include/linux/sched/signal.h, for_each_thread).
  if (const auto signal = survey.pointer(task + *signal_offset_))
    survey.keep(*signal, signal_bytes_);
}

}  // namespace ktape
