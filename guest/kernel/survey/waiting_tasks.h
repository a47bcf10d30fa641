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

// A task that is runnable and waits in sched_ext for a CPU.
struct WaitingTask {
  int32_t pid = 0;
  std::string comm;                        // byte for byte
  std::string dsq;                         // "SCX_DSQ_LOCAL", "user 0x1f"; empty: not in a DSQ
  std::optional<uint64_t> waiting_ms;      // since it became runnable
  std::string cpus;                        // where it may run: "0-3,7"; empty: not known
  std::optional<uint32_t> last_cpu;        // where it ran last
  [[nodiscard]] std::string name() const;  // "spinner[57]", as in the kernel's messages, printable
};

struct WaitingTasks {
  static constexpr size_t kKept = 1000;

  std::vector<WaitingTask> tasks;  // longest wait first; at most kKept
  uint64_t total = 0;              // number of waiting tasks, including those left out
  bool incomplete = false;         // some task could not be reached
};

// All tasks and threads in a memory that are in their runqueue's scx.runnable_list, which the
// kernel's stall watchdog checks, or in a DSQ. kNotApplicable if this kernel has no sched_ext, or
// the first task is not in the memory.
[[nodiscard]] Result<WaitingTasks> find_waiting_tasks(const Kernel& kernel,
                                                      const GuestMemory& memory);

// Sorts and counts, and leaves out tasks beyond the limit.
void keep_longest(WaitingTasks& waiting);

// "SCX_DSQ_LOCAL"; "user 0x1f" if no enumerator has that value.
[[nodiscard]] std::string dsq_name(const Btf& btf, uint64_t id);

// Set bits as ranges: "0-3,7"; only the first `cpus` bits count.
[[nodiscard]] std::string cpu_list(const std::vector<uint64_t>& words, uint32_t cpus);

}  // namespace ktape
