// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/rhashtable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <unordered_map>
#include <vector>

#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

constexpr uint64_t kMaxHeaderBytes = 4096;
constexpr uint64_t kMaxHashBuckets = 65536;
constexpr uint64_t kMaxTables = 4;  // a table that is being resized links to its successor
// PAGE_SHIFT - ilog2(sizeof(void *)): pointers in a nested table (nested_bucket_table_alloc()).
constexpr uint64_t kNestedShift = 9;
constexpr uint64_t kNestedSlots = uint64_t{1} << kNestedShift;

}  // namespace

Result<RhashtableWalk> RhashtableWalk::create(LayoutLog& log) {
  KTAPE_ASSIGN(const FieldInfo table, log.field("struct rhashtable", "tbl"));
  KTAPE_ASSIGN(const FieldInfo size, log.field("struct bucket_table", "size"));
  KTAPE_ASSIGN(const FieldInfo nest, log.field("struct bucket_table", "nest"));
  KTAPE_ASSIGN(const FieldInfo future, log.field("struct bucket_table", "future_tbl"));
  KTAPE_ASSIGN(const FieldInfo buckets, log.field("struct bucket_table", "buckets"));
  KTAPE_ASSIGN(const FieldInfo next, log.field("struct rhash_head", "next"));
  RhashtableWalk walk;
  walk.table_ = table.offset_bytes;
  walk.header_bytes_ = buckets.offset_bytes;
  walk.size_ = size.offset_bytes;
  walk.nest_ = nest.offset_bytes;
  walk.future_ = future.offset_bytes;
  walk.next_ = next.offset_bytes;
  const uint64_t end = std::max({walk.size_ + 4, walk.nest_ + 4, walk.future_ + kPointerBytes});
  if (end > walk.header_bytes_ || walk.header_bytes_ > kMaxHeaderBytes) {
    return Error{ErrorCode::kBadInput, "the kernel's 'struct bucket_table' has an unknown layout",
                 ""};
  }
  return walk;
}

class RhashtableWalk::Walk {
 public:
  Walk(const RhashtableWalk& of, WalkMemory& memory, const Visit& visit)
      : of_(of), memory_(memory), visit_(visit) {}

  // While a table is resized, entries are in either of the two.
  Result<void> tables(GuestVirtual table) {
    for (uint64_t tables = 0; table != GuestVirtual(); ++tables) {
      if (tables == kMaxTables) return memory_.damaged("its tables lead to too many successors");
      std::vector<std::byte> header(of_.header_bytes_);
      const Result<void> read = memory_.read(table, header);
      if (!read.ok()) return memory_.unreadable(read.error());
      const uint64_t size = number(header, of_.size_, 4);
      const uint64_t nest = number(header, of_.nest_, 4);
      if (size > kMaxHashBuckets) {
        return memory_.damaged(
            fmt::format("a table has {} buckets; the limit is {}", size, kMaxHashBuckets));
      }
      const GuestVirtual buckets = table + of_.header_bytes_;
      KTAPE_TRY(nest == 0 ? this->buckets(buckets, size) : nested(buckets, size, nest));
      table = GuestVirtual(number(header, of_.future_, kPointerBytes));
    }
    return {};
  }

 private:
  static uint64_t number(std::span<const std::byte> bytes, uint64_t offset, size_t width) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + offset, width);
    return value;
  }

  // Calls `with` for each of so many words, page by page: those of a page that cannot be read are
  // left out, not the others.
  template <typename With>
  Result<void> words(GuestVirtual at, uint64_t count, const With& with) {
    std::vector<uint64_t> part;
    for (uint64_t i = 0; i < count; i += part.size()) {
      const GuestVirtual from = at + i * kPointerBytes;
      const uint64_t in_page = (kSmallPageBytes - from.value % kSmallPageBytes) / kPointerBytes;
      // A damaged pointer may be unaligned: a word then is in two pages.
      part.resize(std::min(count - i, std::max<uint64_t>(1, in_page)));
      const Result<void> read = memory_.read(from, std::as_writable_bytes(std::span(part)));
      if (!read.ok()) {
        KTAPE_TRY(memory_.unreadable(read.error()));
        continue;
      }
      for (const uint64_t word : part) KTAPE_TRY(with(word));
    }
    return {};
  }

  // A bucket's lowest bit is a lock and not a part of the address. Empty buckets are NULL, or the
  // marker that also ends a chain.
  Result<void> buckets(GuestVirtual at, uint64_t count) {
    return words(at, count, [&](uint64_t bucket) { return chain(bucket & ~uint64_t{1}); });
  }

  // __rht_bucket_nested(): the only bucket leads to a table of 1 << nest tables, which have the
  // buckets, or again tables.
  Result<void> nested(GuestVirtual at, uint64_t size, uint64_t nest) {
    if (nest > kNestedShift)
      return memory_.damaged(fmt::format("its buckets are nested by {} bits", nest));
    return words(at, 1, [&](uint64_t top) {
      return top == 0 ? Result<void>() : level(top, uint64_t{1} << nest, size >> nest);
    });
  }

  // `size`: buckets below each of its `slots`.
  Result<void> level(uint64_t table, uint64_t slots, uint64_t size) {
    return words(GuestVirtual(table), slots, [&](uint64_t below) -> Result<void> {
      if (below == 0) return {};
      if (size > kNestedSlots) return level(below, kNestedSlots, size >> kNestedShift);
      return buckets(GuestVirtual(below), size);
    });
  }

  // Ends with a marker whose lowest bit is set. An entry of another chain ends it, too: one that is
  // being moved is in both, and leads on into the other.
  Result<void> chain(uint64_t entry) {
    const uint64_t own = ++chains_;
    while (entry != 0 && (entry & 1) == 0) {
      const auto [seen, is_new] = seen_.emplace(entry, own);
      if (!is_new && seen->second == own)
        return memory_.damaged("a chain of its entries is a circle");
      if (!is_new) return {};
      KTAPE_TRY(visit_(GuestVirtual(entry)));
      const Result<void> read = memory_.read(GuestVirtual(entry) + of_.next_,
                                             std::as_writable_bytes(std::span(&entry, 1)));
      if (!read.ok()) return memory_.unreadable(read.error());
    }
    return {};
  }

  const RhashtableWalk& of_;
  WalkMemory& memory_;
  const Visit& visit_;
  uint64_t chains_ = 0;
  std::unordered_map<uint64_t, uint64_t> seen_;  // the chain of each entry
};

Result<void> RhashtableWalk::walk(WalkMemory& memory, GuestVirtual table,
                                  const Visit& visit) const {
  uint64_t first = 0;
  const Result<void> read =
      memory.read(table + table_, std::as_writable_bytes(std::span(&first, 1)));
  if (!read.ok()) return memory.unreadable(read.error());
  return Walk(*this, memory, visit).tables(GuestVirtual(first));
}

}  // namespace ktape
