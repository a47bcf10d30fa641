// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "guest/inside/reporter.h"
#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// Mounts what the agent needs: /proc, /sys (libbpf reads BTF there), /dev, and cgroup2 where the
// kernel has it.
[[nodiscard]] Result<void> mount_file_systems();

// What the agent is until a scenario asks for less.
inline constexpr uint32_t kHighestPriority = 99;

// SCHED_FIFO, so that neither a scheduler that has stalled nor workers of lower priority can
// silence the agent. `priority`: 1 to kHighestPriority.
[[nodiscard]] Result<void> become_realtime(uint32_t priority);

// One line per stage on the kernel's console.
class ConsolePrinter {
 public:
  ConsolePrinter();
  void line(const std::string& text) const;

 private:
  UniqueFd console_;
};

// Who this guest is.
[[nodiscard]] Result<void> send_hello(Reporter& reporter);

// Does not come back, unless it may not: the agent is not PID 1.
void power_off();

}  // namespace ktape
