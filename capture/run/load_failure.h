// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "guest/kernel/kernel.h"

namespace ktape {

// What ktape knows of why the program of a scheduler did not load on this kernel, to be put behind
// what it printed:
// "; kernel ... shows ..."; empty where it knows nothing. `config_is_whole`: the guest has the
// kernel's configuration, and not only what its image tells.
[[nodiscard]] std::string explain_load_failure(std::string_view printed,
                                               const KernelKnowledge& kernel, bool config_is_whole);

}  // namespace ktape
