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

// What the host reads in a freeze of its own, so that the tape tells it without its memory: where
// each worker stands, the same of a task that the kernel says was left waiting, and what it says of
// the exit.
class HostReads {
 public:
  // The kernel is known; it outlives this.
  void adopted(const Kernel& kernel);
  // False when there is no room for it: it is not read then.
  [[nodiscard]] bool worker_started(schema::WorkerStarted::Reader worker);

  // Fills in the entries. `memory` stands still: it tells who waits in a DSQ, for the id of none is
  // not asked for. `exits`: of the schedulers for which the machine was frozen.
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
  std::optional<TaskFinder> finder_;  // nothing where the kernel lacks what it needs
  std::vector<Task> workers_;
};

}  // namespace ktape
