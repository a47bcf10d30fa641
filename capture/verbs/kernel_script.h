// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// Becomes share/ktape/kernels/lib/kernel-fetch, the script that downloads kernels into the cache
// and lists them, with these arguments. Returns only if it cannot be run.
[[nodiscard]] Error run_kernel_script(std::vector<std::string> arguments);

// Whether `ktape kernel fetch VERSION` can be expected to find that kernel: the lists that ship
// with ktape have it, or the mirror had it when its lists were last read, or it is the series of
// one of those ("7.3", "7.3-rt").
[[nodiscard]] bool can_be_fetched(const std::string& version);

// Whether `version` is of a series: 6.17.13 of "6.17", 7.3.4-rt of "7.3-rt".
[[nodiscard]] bool is_of_series(const std::string& version, const std::string& series);

}  // namespace ktape
