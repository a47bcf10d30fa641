// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "guest/inside/reporter.h"
#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// Mounts what the agent needs: /proc, /sys (libbpf reads BTF there), /dev, and cgroup2 where the
// kernel has it.
[[nodiscard]] Result<void> mount_file_systems();

// SCHED_FIFO, so that a scheduler that has stalled cannot silence the agent.
[[nodiscard]] Result<void> become_realtime();

// One line per stage on the kernel's console.
class ConsoleLog {
 public:
  ConsoleLog();
  void line(const std::string& text) const;

 private:
  UniqueFd console_;
};

// Who this guest is.
[[nodiscard]] Result<void> send_hello(Reporter& reporter);

// Does not come back, unless it may not: the agent is not PID 1.
void power_off();

}  // namespace ktape
