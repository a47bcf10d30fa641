// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/page_walk.h"

#include <fmt/format.h>

namespace ktape {
namespace {

constexpr int kPageShift = 12;
constexpr int kBitsPerLevel = 9;
constexpr uint64_t kIndexMask = (1 << kBitsPerLevel) - 1;
constexpr uint64_t kPresent = 1 << 0;
constexpr uint64_t kLargePage = 1 << 7;
// Bits 51:12; above are NX, protection keys and software bits.
constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
constexpr int kLargestPageLevel = 3;  // 1 GiB

Error out_of_range(GuestVirtual address, std::string_view why) {
  return Error{ErrorCode::kOutOfRange, fmt::format("guest-virtual {:#x}: {}", address.value, why)};
}

// Keeps the error code: a page missing in recorded memory is not the same as an address without
// RAM.
Error unreadable_table(GuestVirtual address, int level, GuestPhysical table, const Error& why) {
  return Error{
      why.code,
      fmt::format("guest-virtual {:#x}: level {} table at guest-physical {:#x} cannot be read: {}",
                  address.value, level, table.value, why.message)};
}

Error not_present(GuestVirtual address, int level) {
  return out_of_range(address, fmt::format("not mapped: level {} entry is not present", level));
}

// Asked first: the bits above the top level's index are not part of any index, so a walk would
// ignore them and map an address that a CPU refuses.
bool is_canonical(uint64_t address, int levels) {
  int unused = 64 - (kPageShift + levels * kBitsPerLevel);
  return static_cast<uint64_t>(static_cast<int64_t>(address << unused) >> unused) == address;
}

}  // namespace

Result<Mapping> walk(const GuestMemory& memory, const PageTables& tables, GuestVirtual address) {
  if (!is_canonical(address.value, tables.levels)) {
    return out_of_range(address, fmt::format("not canonical with {} paging levels", tables.levels));
  }
  GuestPhysical table = tables.root;
  // Ends at level 1 at the latest, which is always a page, so tables that point at each other
  // cannot make it loop.
  for (int level = tables.levels;; --level) {
    int shift = kPageShift + (level - 1) * kBitsPerLevel;
    GuestPhysical slot = table + ((address.value >> shift) & kIndexMask) * sizeof(uint64_t);
    uint64_t entry = 0;
    auto read = memory.read(slot, std::as_writable_bytes(std::span(&entry, 1)));
    if (!read.ok()) return unreadable_table(address, level, table, read.error());
    if (!(entry & kPresent)) return not_present(address, level);
    // Bit 7 means a large page at levels 2 and 3 only; at level 1 it is PAT, and at 4 and 5 it is
    // reserved.
    bool is_page = level == 1 || (level <= kLargestPageLevel && (entry & kLargePage));
    if (is_page) {
      uint64_t page_bytes = uint64_t{1} << shift;
      uint64_t offset = address.value & (page_bytes - 1);
      // In an entry for a large page bit 12 is PAT, so the mask follows the page's size.
      return Mapping{GuestPhysical((entry & kAddressMask & ~(page_bytes - 1)) + offset),
                     page_bytes - offset};
    }
    table = GuestPhysical(entry & kAddressMask);
  }
}

}  // namespace ktape
