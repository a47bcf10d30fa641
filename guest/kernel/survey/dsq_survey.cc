// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/dsq_survey.h"

#include <algorithm>

#include "guest/kernel/survey/survey_walk.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/kernel/types/sizes.h"
#include "guest/kernel/types/survey_types.h"

namespace ktape {

namespace {

constexpr uint64_t kMaxNodes = 1024;  // the maximum that CONFIG_NODES_SHIFT allows

}  // namespace

DsqSurvey::DsqSurvey(const Kernel& kernel, const TaskSurvey& tasks) : tasks_(tasks) {
  const Btf& btf = kernel.btf();
  queue_bytes_ = size_of(btf, "struct scx_dispatch_q");
  list_ = offset_of(btf, "struct scx_dispatch_q", "list");
  hash_node_ = offset_of(btf, "struct scx_dispatch_q", "hash_node");
  node_bytes_ = size_of(btf, "struct scx_dsq_list_node");
  task_node_ = offset_of(btf, "struct task_struct", "scx.dsq_list.node");
  node_flags_ = field_of(btf, "struct scx_dsq_list_node", "flags");
  cursor_flag_ = btf.enumerator("scx_dsq_lnode_flags", "SCX_DSQ_LNODE_ITER_CURSOR").value_or(0);
  LayoutLog unused(btf);
  if (const Result<RhashtableWalk> walk = RhashtableWalk::create(unused); walk.ok()) hash_ = *walk;
  // Which of these a runqueue has depends on the release; each is embedded, so its address needs no
  // pointer.
  for (const char* name : {"scx.local_dsq", "scx.bypass_dsq", "scx.reject_dsq"}) {
    if (auto offset = offset_of(btf, "struct rq", name)) local_.push_back(*offset);
  }
}

void DsqSurvey::queue(MemorySurvey& survey, GuestVirtual queue, TaskSurvey::Seen& seen) const {
  if (!list_ || !survey.keep(queue, queue_bytes_)) return;
  survey.list(queue + *list_, [&](GuestVirtual node) {
    if (!task_node_ || !node_flags_) return false;
    // Returning false ends the list: without the flags a cursor cannot be told from a task.
    const auto flags =
        survey.number(node + node_flags_->offset_bytes, node_flags_->type.size_bytes);
    if (!flags) return false;
    // A cursor belongs to a BPF iterator's stack frame, not to a task.
    if ((*flags & cursor_flag_) != 0) return survey.keep(node, node_bytes_);
    tasks_.task(survey, GuestVirtual(node.value - *task_node_), seen);
    return true;
  });
}

void DsqSurvey::local_queues(MemorySurvey& survey, TaskSurvey::Seen& seen) const {
  const Kernel& kernel = survey.kernel();
  for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
    const Result<GuestVirtual> rq = kernel.per_cpu(survey.memory(), "runqueues", CpuId(cpu));
    if (!rq.ok()) continue;
    for (const uint64_t offset : local_) queue(survey, *rq + offset, seen);
  }
}

void DsqSurvey::table(MemorySurvey& survey, GuestVirtual rhashtable, TaskSurvey::Seen& seen) const {
  if (!hash_ || !hash_node_) return;
  SurveyWalk memory(survey);
  // Never an error: the survey goes on after what it lost.
  (void)hash_->walk(memory, rhashtable, [&](GuestVirtual head) {
    // The entry is embedded in a DSQ at hash_node.
    queue(survey, GuestVirtual(head.value - *hash_node_), seen);
    return Result<void>();
  });
}

void DsqSurvey::node_array(MemorySurvey& survey, GuestVirtual array, uint64_t offset,
                           TaskSurvey::Seen& seen) const {
  uint64_t nodes = 1;
  if (const auto symbol = survey.symbol("nr_node_ids")) {
    nodes = survey.number(*symbol, sizeof(uint32_t)).value_or(1);
    // A count above what the kernel can have is damage; what is left is still kept.
    if (nodes > kMaxNodes) survey.lose();
    nodes = std::min(nodes, kMaxNodes);
  }
  for (uint64_t node = 0; node < nodes; ++node) {
    if (const auto part = survey.pointer(array + node * kPointerBytes))
      queue(survey, *part + offset, seen);
  }
}

}  // namespace ktape
