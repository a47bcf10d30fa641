// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/scx_exit.h"
#include "guest/kernel/sched/tasks.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/record.capnp.h"
#include "schema/wire.capnp.h"

namespace ktape {

// What the host reads in its own freezes, so that the tape has it even without guest memory: the
// scheduling state of each worker and of the task that the kernel reports as stalled, and the exit
// info.
class HostReads {
 public:
  // Called once the kernel is adopted. `kernel` outlives this.
  void adopted(const Kernel& kernel);
  // False if there are too many workers; this one is then not read.
  [[nodiscard]] bool worker_started(schema::WorkerStarted::Reader worker);

  // Fills in the entries. The guest must be stopped: `memory` shows which tasks are in a DSQ, and
  // the DSQ id is read only for those. `exits`: of the schedulers for which the machine was frozen.
  void fill(const GuestMemory& memory, const std::vector<ScxExit>& exits,
            schema::OpRequest::Builder reads) const;

 private:
  struct Task {
    std::string name;  // in tags
    std::string worker;
    int32_t pid = 0;
    uint64_t start_boottime_ns = 0;
  };

  [[nodiscard]] std::optional<GuestVirtual> find(const GuestMemory& memory, int32_t pid) const;
  [[nodiscard]] std::optional<Task> stalled(const GuestMemory& memory, const ScxExit& exit) const;
  [[nodiscard]] bool in_no_dsq(const GuestMemory& memory, int32_t pid) const;

  const Kernel* kernel_ = nullptr;
  std::optional<TaskFinder> finder_;  // nothing if the kernel lacks a field it needs
  std::vector<Task> workers_;
};

}  // namespace ktape
