// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace ktape {

// Becomes share/ktape/kernels/lib/kernel-fetch, the script that downloads kernels into the cache
// and lists them, with these arguments. Returns only if it cannot be run.
[[nodiscard]] Error run_kernel_script(std::vector<std::string> arguments);

// Runs it, with what it prints sent to `stdout`, which may be paged. Returns its exit status.
[[nodiscard]] Result<ExitCode> print_kernel_script(std::vector<std::string> arguments);

// Whether `ktape kernel fetch VERSION` may find that kernel: it is a release ("7.3.4-rt") or a
// series ("7.3") that is not older than what the lists that ship with ktape have, and newer by at
// most one major version. The mirror is not asked.
[[nodiscard]] bool can_be_fetched(const std::string& version);

// Whether `version` is of a series: 6.17.13 of "6.17", 7.3.4-rt of "7.3-rt".
[[nodiscard]] bool is_of_series(const std::string& version, const std::string& series);

}  // namespace ktape
