// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ktape {

// The compiled bpf/ktape_vtime.bpf.c, embedded in the agent.
[[nodiscard]] std::span<const std::byte> vtime_object();

// Its SHA-256, in hex.
[[nodiscard]] std::string_view vtime_object_digest();

}  // namespace ktape
