// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ktape {

// How long an op is retried if a condition that may pass refuses it, in ms of guest-running time.
inline constexpr int32_t kRetryNotSaid = -1;  // the scenario's, or the default
inline constexpr int32_t kDefaultRetryMs = 1000;

}  // namespace ktape
