// SPDX-License-Identifier: Apache-2.0
// Sizes of a 64-bit kernel, for code that reads its memory.
#pragma once

#include <cstdint>

namespace ktape {

inline constexpr uint64_t kPointerBytes = 8;
inline constexpr uint64_t kBitsPerWord = 64;       // BITS_PER_LONG
inline constexpr uint64_t kSmallPageBytes = 4096;  // the smallest page

}  // namespace ktape
