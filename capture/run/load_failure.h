// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "guest/kernel/kernel.h"

namespace ktape {

// Explains why a scheduler's program failed to load on this kernel, to be appended to what the
// program printed: "; the BTF of kernel ... shows ..."; empty if ktape has no explanation.
// `config_is_whole`: the guest has the kernel's full configuration, not only the part found in its
// image.
[[nodiscard]] std::string explain_load_failure(std::string_view printed,
                                               const KernelKnowledge& kernel, bool config_is_whole);

}  // namespace ktape
