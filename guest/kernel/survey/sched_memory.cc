// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/sched_memory.h"

#include "guest/kernel/survey/bpf_survey.h"
#include "guest/kernel/survey/dsq_survey.h"
#include "guest/kernel/survey/group_survey.h"
#include "guest/kernel/survey/scx_survey.h"
#include "guest/kernel/survey/task_survey.h"
#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

// Symbols that ops read, and those that identify a kernel.
constexpr const char* kGlobals[] = {"jiffies_64",       "init_pid_ns",          "nr_cpu_ids",
                                    "nr_node_ids",      "nr_threads",           "phys_base",
                                    "page_offset_base", "vmalloc_base",         "vmemmap_base",
                                    "linux_banner",     "preempt_dynamic_mode", "vmcoreinfo_data",
                                    "vmcoreinfo_size",  "root_task_group"};
constexpr const char* kCpuMasks[] = {"__cpu_possible_mask", "__cpu_present_mask",
                                     "__cpu_online_mask", "__cpu_active_mask"};
constexpr uint64_t kLongBytes = 8;

}  // namespace

struct SchedMemory::Impl {
  explicit Impl(const Kernel& adopted)
      : kernel(adopted),
        tasks(adopted),
        groups(adopted),
        queues(adopted, tasks),
        schedulers(adopted, queues),
        maps(adopted) {
    const uint64_t mask_bytes =
        (kernel.facts().cpus + kBitsPerWord - 1) / kBitsPerWord * kLongBytes;
    for (const char* name : kGlobals) find(name, kLongBytes, globals);
    // CPU masks are as long as the kernel's nr_cpu_ids, rounded up to words.
    for (const char* name : kCpuMasks) find(name, mask_bytes, globals);
    find("__per_cpu_offset", kernel.facts().cpus * kLongBytes, anchors);
  }

  struct Place {
    GuestVirtual address;
    uint64_t bytes = 0;
  };

  void find(const char* name, uint64_t bytes, std::vector<Place>& places) const {
    if (const auto at = kernel.symbol(name); at.ok()) places.push_back({*at, bytes});
  }

  static void keep(const std::vector<Place>& places, MemorySurvey& survey) {
    for (const Place& place : places) survey.keep(place.address, place.bytes);
  }

  const Kernel& kernel;
  std::vector<Place> globals, anchors;
  TaskSurvey tasks;
  GroupSurvey groups;
  DsqSurvey queues;
  ScxSurvey schedulers;
  BpfSurvey maps;
};

SchedMemory::SchedMemory(const Kernel& kernel) : impl_(std::make_unique<Impl>(kernel)) {}
SchedMemory::~SchedMemory() = default;

void SchedMemory::record_anchors(const RecordingMemory& memory) const {
  MemorySurvey survey(impl_->kernel, memory);
  // Not a survey: these are recorded in every freeze, also with --memory touched, or else a
  // restored kernel could not find any per-CPU variable.
  SchedMemory::Impl::keep(impl_->anchors, survey);
}

std::vector<MemoryLoss> SchedMemory::record(const RecordingMemory& memory) const {
  MemorySurvey survey(impl_->kernel, memory);
  // Shared, so that a task that is on a runqueue, in a DSQ and in the pid IDR is recorded once.
  TaskSurvey::Seen seen;
  survey.subject("globals");
  // From what most questions need to what fewest do: if the budget runs out, BPF maps are missing
  // and not runqueues.
  SchedMemory::Impl::keep(impl_->globals, survey);
  survey.subject("runqueues");
  impl_->tasks.runqueues(survey, seen);
  survey.subject("tasks");
  impl_->tasks.tasks(survey, seen);
  survey.subject("task_groups");
  impl_->groups.groups(survey);
  survey.subject("schedulers");
  impl_->schedulers.schedulers(survey, seen);
  survey.subject("local_queues");
  impl_->queues.local_queues(survey, seen);
  survey.subject("bpf_maps");
  impl_->maps.maps(survey);
  return survey.losses();
}

}  // namespace ktape
