// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace ktape {

static_assert(std::endian::native == std::endian::little,
              "guest values are read as the host's own");

// The integer at `offset`; nothing if the bytes end before it does. memcpy(), because values in
// images and tapes are not aligned.
template <typename T>
[[nodiscard]] std::optional<T> load(std::span<const std::byte> bytes, uint64_t offset) {
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

[[nodiscard]] constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace ktape
