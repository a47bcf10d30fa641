// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "guest/kernel/survey/waiting_tasks.h"

namespace ktape {

// The runnable tasks in the debug dump that the kernel makes when it ejects a scheduler
// (scx_dump_task() of kernel/sched/ext.c). The dump may be truncated or untrusted: lines of any
// other form are skipped.
[[nodiscard]] WaitingTasks waiting_in_dump(std::string_view dump);

}  // namespace ktape
