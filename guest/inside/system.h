// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "guest/inside/base/reporter.h"
#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// Mounts what the agent needs: /proc, /sys (libbpf reads BTF there), /dev, and cgroup2 if the
// kernel has it.
[[nodiscard]] Result<void> mount_file_systems();

// The agent's priority until a scenario sets a lower one.
inline constexpr uint32_t kHighestPriority = 99;

// Switches to SCHED_FIFO, so that neither a stalled scheduler nor workers of lower priority can
// starve the agent. `priority`: 1 to kHighestPriority.
[[nodiscard]] Result<void> become_realtime(uint32_t priority);

// Prints one line per stage on the kernel's console. Without a console lines go nowhere: nobody
// could be told.
class ConsolePrinter {
 public:
  ConsolePrinter();
  void line(const std::string& text) const;

 private:
  UniqueFd console_;
};

// Reports the kernel and machine of this guest.
[[nodiscard]] Result<void> send_hello(Reporter& reporter);

// Does not return, unless power-off is not permitted because the agent is not PID 1.
void power_off();

}  // namespace ktape
