// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// Part of the program ktape-export: writes the kernel's symbols and types into a new folder, as
// System.map, vmlinux.btf and vmlinux, and prints what it wrote. kUsage if the folder exists.
[[nodiscard]] Result<ExitCode> export_symbols(const std::string& path, const std::string& folder);

}  // namespace ktape
