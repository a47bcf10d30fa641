// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "replay/read/kernel_objects.h"
#include "replay/read/view.h"

namespace ktape {

// What the views of tasks and of workers say of a task, behind its name.
[[nodiscard]] const std::vector<std::string>& task_columns();
[[nodiscard]] std::vector<ViewCell> task_cells(KernelObjects& objects, GuestVirtual task);

}  // namespace ktape
