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

// Guest RAM that is one buffer or mapping, laid out as a PC's: the first `low_bytes` begin at
// guest-physical 0, the rest at 4 GiB, above the PCI hole. Does not own the bytes. Aligned reads of
// 1, 2, 4 or 8 bytes are single loads, so that a running guest cannot tear them.
class FlatMemory final : public WritableGuestMemory {
 public:
  // A run of bytes within the buffer, not a guest-physical range.
  struct Extent {
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  // Lists the parts of the buffer that may hold something other than zero, ascending: SEEK_DATA and
  // SEEK_HOLE for a memfd. Called at each `populated()`.
  using DataExtents = std::function<Result<std::vector<Extent>>()>;

  static constexpr uint64_t kHighStart = uint64_t{4} << 30;

  // `low_bytes` is at most 4 GiB; one that is not less than the size of `ram` means no high part.
  // Without `data_extents` all of `ram` counts as populated.
  FlatMemory(std::span<std::byte> ram, uint64_t low_bytes, DataExtents data_extents = {});

  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override;
  Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) override;
  std::span<const std::byte> view(GuestPhysical address, uint64_t bytes) const override {
    return at(address, bytes).value_or(std::span<std::byte>());
  }
  Result<std::vector<PhysicalRange>> populated() const override;
  Result<std::vector<PhysicalRange>> ram() const override;

  // The bytes themselves; nothing where they are not RAM from end to end.
  [[nodiscard]] std::optional<std::span<std::byte>> at(GuestPhysical address, uint64_t bytes) const;

 private:
  [[nodiscard]] std::vector<PhysicalRange> ranges_of(const std::vector<Extent>& extents) const;

  std::span<std::byte> low_;
  std::span<std::byte> high_;
  DataExtents data_extents_;
};

}  // namespace ktape
