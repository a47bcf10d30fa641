// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/guest_memory.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/layout_log.h"
#include "guest/kernel/tasks.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The task that a CPU runs.
struct RunningTask {
  Pid pid;  // 0: it idles
  std::string comm;
  std::string
      policy;  // "NORMAL", "FIFO 99", "DEADLINE"; as the uapi names them, real-time ones with priority

  // "rthog[124] (FIFO 99)"; "nothing" for an idle CPU
  [[nodiscard]] std::string text() const;
};

// Tells who runs, and whether a task waits for that: for machines that stand still.
class RunningTasks {
 public:
  // kNotFound names what this kernel lacks. `kernel` outlives the reader.
  [[nodiscard]] static Result<RunningTasks> create(const Kernel& kernel);

  // One for each CPU of the kernel, in order; nothing where it cannot be read.
  [[nodiscard]] std::vector<std::optional<RunningTask>> read(const GuestMemory& memory) const;
  // Whether the task could run and does not: it is on a runqueue and on no CPU. Errors are those of memory;
  // kNotFound for a pid that no task has.
  [[nodiscard]] Result<bool> waits_for_cpu(const GuestMemory& memory, Pid pid) const;

 private:
  RunningTasks(const Kernel& kernel, LayoutLog log, TaskFinder finder)
      : kernel_(&kernel), log_(std::move(log)), finder_(std::move(finder)) {}
  [[nodiscard]] Result<RunningTask> running_on(const GuestMemory& memory, CpuId cpu) const;
  [[nodiscard]] Result<uint64_t> value(const GuestMemory& memory, GuestVirtual task,
                                       const FieldInfo& field) const;

  const Kernel* kernel_;
  LayoutLog log_;
  TaskFinder finder_;
  FieldInfo current_;  // of struct rq
  FieldInfo pid_, comm_, policy_, on_rq_, on_cpu_;
  std::optional<FieldInfo> priority_;
};

}  // namespace ktape
