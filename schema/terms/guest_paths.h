// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ktape {

// The PATH in the environment of every program that the agent runs in a guest, and its value.
inline constexpr char kGuestPathVariable[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
inline constexpr std::string_view kGuestSearchPath = std::string_view(kGuestPathVariable).substr(5);

}  // namespace ktape
