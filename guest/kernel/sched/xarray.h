// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "guest/kernel/sched/walk_memory.h"
#include "guest/kernel/types/btf.h"
#include "guest/kernel/types/layout_log.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

namespace xarray {

// include/linux/xarray.h: an entry whose low bits are 10 is internal, and above 4096 it is a node;
// the rest are retry, zero and sibling entries. Shared by the lookup of one pid and the walk of
// all entries.
inline constexpr uint64_t kInternalMask = 3;
inline constexpr uint64_t kInternal = 2;
inline constexpr uint64_t kLowestNode = 4096;
// Bits of an index: an IDR without a node has its only entry at 0. Above any shift of a real node:
// the first node may have any shift below it.
inline constexpr uint64_t kIndexBits = 64;

[[nodiscard]] inline bool is_internal(uint64_t entry) {
  return (entry & kInternalMask) == kInternal;
}
[[nodiscard]] inline bool is_node(uint64_t entry) {
  return is_internal(entry) && entry > kLowestNode;
}
// An integer in place of a pointer (xa_is_value()).
[[nodiscard]] inline bool is_number(uint64_t entry) { return (entry & 1) != 0; }

}  // namespace xarray

// Walks a whole struct xarray, or the one in a struct idr.
class XarrayWalk {
 public:
  enum class Entries {
    kSingle,  // each has one index, as in an IDR: an entry above the lowest level is damage
    kMulti,   // may cover several indexes, and is visited at the first
  };
  // Gets an index and its entry, which is never NULL or internal. An error ends the walk.
  using Visit = std::function<Result<void>(uint64_t index, uint64_t entry)>;

  // kNotFound if BTF lacks a required type, kBadInput for a node that no kernel has.
  [[nodiscard]] static Result<XarrayWalk> create(const Btf& btf, LayoutLog& log);

  // In the order of the indexes. A node's shift must be below its parent's, which bounds the depth.
  // Slots of a damaged xarray may share nodes: `memory` has to bound what is read.
  [[nodiscard]] Result<void> walk(WalkMemory& memory, GuestVirtual xarray, Entries entries,
                                  const Visit& visit) const;

 private:
  struct Walk;

  uint64_t head_offset_ = 0;
  uint64_t node_bytes_ = 0;
  uint64_t shift_offset_ = 0;
  uint64_t slots_offset_ = 0;
  uint64_t slots_ = 0;
};

}  // namespace ktape
