// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched_memory.h"

#include "guest/kernel/bpf_survey.h"
#include "guest/kernel/dsq_survey.h"
#include "guest/kernel/scx_survey.h"
#include "guest/kernel/task_survey.h"

namespace ktape {

namespace {

// What ops ask for, and what a kernel is recognised by.
constexpr const char* kGlobals[] = {"jiffies_64",       "init_pid_ns",          "nr_cpu_ids",
                                    "nr_node_ids",      "nr_threads",           "phys_base",
                                    "page_offset_base", "vmalloc_base",         "vmemmap_base",
                                    "linux_banner",     "preempt_dynamic_mode", "vmcoreinfo_data",
                                    "vmcoreinfo_size",  "root_task_group"};
constexpr const char* kCpuMasks[] = {"__cpu_possible_mask", "__cpu_present_mask", "__cpu_online_mask",
                                     "__cpu_active_mask"};
constexpr uint64_t kWordBytes = 8;
constexpr uint64_t kBitsPerWord = 64;

}  // namespace

struct SchedMemory::Impl {
  explicit Impl(const Kernel& adopted)
      : kernel(adopted), tasks(adopted), queues(adopted, tasks), schedulers(adopted, queues), maps(adopted) {}

  void globals(MemorySurvey& survey) const {
    for (const char* name : kGlobals) {
      if (const auto at = survey.symbol(name)) survey.keep(*at, kWordBytes);
    }
    const uint64_t mask_bytes = (kernel.facts().cpus + kBitsPerWord - 1) / kBitsPerWord * kWordBytes;
    for (const char* name : kCpuMasks) {
      if (const auto at = survey.symbol(name)) survey.keep(*at, mask_bytes);
    }
  }

  const Kernel& kernel;
  TaskSurvey tasks;
  DsqSurvey queues;
  ScxSurvey schedulers;
  BpfSurvey maps;
};

SchedMemory::SchedMemory(const Kernel& kernel) : impl_(std::make_unique<Impl>(kernel)) {}
SchedMemory::~SchedMemory() = default;

void SchedMemory::record_anchors(const RecordingMemory& memory) const {
  const Kernel& kernel = impl_->kernel;
  MemorySurvey survey(kernel, memory);
  if (const auto offsets = survey.symbol("__per_cpu_offset")) {
    survey.keep(*offsets, kernel.facts().cpus * kWordBytes);
  }
}

std::vector<MemoryLoss> SchedMemory::record(const RecordingMemory& memory) const {
  MemorySurvey survey(impl_->kernel, memory);
  TaskSurvey::Seen seen;
  survey.subject("globals");
  impl_->globals(survey);
  survey.subject("runqueues");
  impl_->tasks.runqueues(survey, seen);
  survey.subject("tasks");
  impl_->tasks.tasks(survey, seen);
  survey.subject("schedulers");
  impl_->schedulers.schedulers(survey, seen);
  survey.subject("local_queues");
  impl_->queues.local_queues(survey, seen);
  survey.subject("bpf_maps");
  impl_->maps.maps(survey);
  return survey.losses();
}

}  // namespace ktape
