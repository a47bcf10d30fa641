// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ktape::xarray {

// include/linux/xarray.h: an entry whose low bits are 10 is internal, and above 4096 it is a node;
// the rest are retry, zero and sibling entries. Shared by the lookup of one pid and the survey of
// all.
inline constexpr uint64_t kInternalMask = 3;
inline constexpr uint64_t kInternal = 2;
inline constexpr uint64_t kLowestNode = 4096;
// Bits of an index: an IDR without a node has its only entry at 0.
inline constexpr uint64_t kIndexBits = 64;

[[nodiscard]] inline bool is_internal(uint64_t entry) {
  return (entry & kInternalMask) == kInternal;
}
[[nodiscard]] inline bool is_node(uint64_t entry) {
  return is_internal(entry) && entry > kLowestNode;
}

}  // namespace ktape::xarray
