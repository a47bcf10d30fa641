// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "guest/memory/guest_memory.h"
#include "guest/memory/page_walk.h"

namespace ktape {

// Caches page-table translations of one kernel, 64 of them by page number; a collision displaces
// the older one. Never invalidated: it must not live longer than the freeze.
class Translations {
 public:
  // The result of the walk; nothing if the page was not walked or its entry was displaced.
  [[nodiscard]] std::optional<Mapping> find(GuestVirtual address) const {
    const Page& page = pages_[slot(address)];
    if (page.number != address.value / kPageBytes) return std::nullopt;
    const uint64_t offset = address.value % kPageBytes;
    return Mapping{page.start.address + offset, page.start.contiguous_bytes - offset};
  }
  // `mapping` is the result of walking `address`.
  void add(GuestVirtual address, const Mapping& mapping) {
    const uint64_t offset = address.value % kPageBytes;
    pages_[slot(address)] = {
        address.value / kPageBytes,
        {GuestPhysical(mapping.address.value - offset), mapping.contiguous_bytes + offset}};
  }

 private:
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr size_t kSlots = 64;
  struct Page {
    uint64_t number = UINT64_MAX;  // guest-virtual; no page has this one
    Mapping start;                 // of the page
  };

  static size_t slot(GuestVirtual address) { return address.value / kPageBytes % kSlots; }

  std::array<Page, kSlots> pages_;
};

// Read-only memory of a stopped machine, used by one kernel: caches what its page tables say. Use
// it only while the machine is stopped, from one thread.
class TranslationCache final : public GuestMemory {
 public:
  // `memory` outlives this.
  explicit TranslationCache(const GuestMemory& memory) : memory_(memory) {}

  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override {
    return memory_.read(address, out);
  }
  Result<std::vector<PhysicalRange>> populated() const override { return memory_.populated(); }
  Translations* translations() const override { return &translations_; }

 private:
  const GuestMemory& memory_;
  mutable Translations translations_;
};

}  // namespace ktape
