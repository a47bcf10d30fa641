// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "guest/machine/machine.h"

namespace ktape {

// The boot deadline if the scenario sets none. Under TCG on a host with two cores, 2 vCPUs took 12
// s and 64 took 343 s, about 5 s per additional vCPU. The deadline allows twice that.
[[nodiscard]] inline std::chrono::milliseconds default_boot_deadline(uint32_t cpus,
                                                                     Accelerator used) {
  const auto each = std::chrono::seconds(used == Accelerator::kKvm ? 2 : 12);
  return std::chrono::seconds(120) + (std::max(cpus, 2u) - 2) * each;
}

}  // namespace ktape
