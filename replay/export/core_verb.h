// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// Part of the program ktape-export: writes the memory of the freeze `at` ("freeze:N",
// "freeze:last") of a tape as an ELF core file, and prints what it wrote.
[[nodiscard]] Result<ExitCode> export_core(const std::string& path, const std::string& at,
                                           const std::string& output);

}  // namespace ktape
