// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// Guest RAM in one buffer or mapping, with a PC's layout: the first `low_bytes` are at
// guest-physical 0, the rest at 4 GiB, above the PCI hole. Does not own the bytes. Aligned reads of
// 1, 2, 4 or 8 bytes are single loads, so that a running guest cannot tear them.
class FlatMemory final : public WritableGuestMemory {
 public:
  // A range of bytes in the buffer, not of guest-physical addresses.
  struct Extent {
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  // Lists the parts of the buffer that may be nonzero, ascending: SEEK_DATA and SEEK_HOLE for a
  // memfd. Called by each `populated()`.
  using DataExtents = std::function<Result<std::vector<Extent>>()>;

  static constexpr uint64_t kHighStart = uint64_t{4} << 30;

  // `ram` outlives this object. `low_bytes` is at most 4 GiB; if it is not less than the size of
  // `ram`, there is no high part. Without `data_extents` all of `ram` counts as populated.
  FlatMemory(std::span<std::byte> ram, uint64_t low_bytes, DataExtents data_extents = {});

  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override;
  Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) override;
  std::span<const std::byte> view(GuestPhysical address, uint64_t bytes) const override {
    return at(address, bytes).value_or(std::span<std::byte>());
  }
  Result<std::vector<PhysicalRange>> populated() const override;
  Result<std::vector<PhysicalRange>> ram() const override;

  // The bytes themselves; nothing unless the whole range is RAM. A range does not continue from
  // below the hole to above it.
  [[nodiscard]] std::optional<std::span<std::byte>> at(GuestPhysical address, uint64_t bytes) const;

 private:
  [[nodiscard]] std::vector<PhysicalRange> ranges_of(const std::vector<Extent>& extents) const;

  std::span<std::byte> low_;
  std::span<std::byte> high_;
  DataExtents data_extents_;
};

}  // namespace ktape
