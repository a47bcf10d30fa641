// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "replay/report/waiting_tasks.h"

namespace ktape {

// The runnable tasks in the debug dump that the kernel makes when it ejects a scheduler
// (scx_dump_task() of kernel/sched/ext.c). The dump may be cut off, or a stranger's: what does not
// have that form is passed over.
[[nodiscard]] WaitingTasks waiting_in_dump(std::string_view dump);

}  // namespace ktape
