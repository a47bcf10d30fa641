// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "guest/kernel/sched/walk_memory.h"
#include "guest/kernel/types/layout_log.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// Walks a whole struct rhashtable (lib/rhashtable.c), also one that is being resized, and one whose
// buckets are nested because memory was low.
class RhashtableWalk {
 public:
  // Gets the struct rhash_head in each entry, once. An error ends the walk.
  using Visit = std::function<Result<void>(GuestVirtual head)>;

  // kNotFound if BTF lacks a required type, kBadInput for a table that no kernel has.
  [[nodiscard]] static Result<RhashtableWalk> create(LayoutLog& log);

  // Bucket by bucket. Terminates: tables, buckets and levels are bounded, and no entry is visited
  // twice.
  [[nodiscard]] Result<void> walk(WalkMemory& memory, GuestVirtual table, const Visit& visit) const;

 private:
  class Walk;

  uint64_t table_ = 0;         // of the pointer to the table, in struct rhashtable
  uint64_t header_bytes_ = 0;  // of struct bucket_table, before the buckets
  uint64_t size_ = 0;
  uint64_t nest_ = 0;
  uint64_t future_ = 0;
  uint64_t next_ = 0;  // in struct rhash_head
};

}  // namespace ktape
