// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ktape {

// As RFC 4648 has it, padded.
[[nodiscard]] std::string to_base64(std::span<const std::byte> bytes);

}  // namespace ktape
