// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/units.h"

namespace ktape {

// A task that was runnable for too long.
struct StalledTask {
  std::string comm;
  Pid pid;
  std::optional<uint64_t> waited_ms;  // where the message tells it as the kernel does
};

// Whom the message of a scheduler's exit for a stall names: "victim[142] failed to run for 3.024s"
// (kernel/sched/ext.c, the watchdog's check of a runqueue). Nothing for another message.
[[nodiscard]] std::optional<StalledTask> stalled_task(std::string_view message);

}  // namespace ktape
