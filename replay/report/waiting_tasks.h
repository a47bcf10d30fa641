// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"

namespace ktape {

// A task that is runnable and waits in sched_ext for a CPU. Texts are safe to print.
struct WaitingTask {
  int32_t pid = 0;
  std::string comm;
  std::string dsq;                         // "SCX_DSQ_LOCAL", "0x1f"; empty: it is in none
  std::optional<uint64_t> waiting_ms;      // since it became runnable
  std::string cpus;                        // where it may run: "0-3,7"; empty: not known
  std::optional<uint32_t> last_cpu;        // where it ran last
  [[nodiscard]] std::string name() const;  // "spinner[57]", as the kernel's messages have it
};

struct WaitingTasks {
  static constexpr size_t kKept = 1000;

  std::vector<WaitingTask> tasks;  // who has waited longest first; kKept of them at most
  uint64_t total = 0;              // that wait, those left out too
  bool incomplete = false;         // some task could not be reached
};

// All tasks and threads of a memory that are in their runqueue's scx.runnable_list, which is what
// the kernel's stall watchdog goes by, or in a DSQ. kNotApplicable when this kernel has no
// sched_ext, or the memory not the first task.
[[nodiscard]] Result<WaitingTasks> find_waiting_tasks(const Kernel& kernel,
                                                      const GuestMemory& memory);

// Sorts, counts, and leaves out what is too much.
void keep_longest(WaitingTasks& waiting);

// "SCX_DSQ_LOCAL"; "user 0x1f" when no enumerator has that value.
[[nodiscard]] std::string dsq_name(const Btf& btf, uint64_t id);

// Set bits as ranges: "0-3,7"; the first `cpus` bits count.
[[nodiscard]] std::string cpu_list(const std::vector<uint64_t>& words, uint32_t cpus);

}  // namespace ktape
