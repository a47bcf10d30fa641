// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/flat_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace ktape {
namespace {

// A single load if the buffer is aligned for T.
template <typename T>
bool load_once(std::span<std::byte> from, std::span<std::byte> out) {
  if (reinterpret_cast<uintptr_t>(from.data()) % sizeof(T) != 0) return false;
  // Relaxed: one untorn word is all that is promised. Order among words of a running guest is not,
  // and a stopped one needs none.
  T value = std::atomic_ref<T>(*reinterpret_cast<T*>(from.data())).load(std::memory_order_relaxed);
  std::memcpy(out.data(), &value, sizeof(T));
  return true;
}

bool load_small(std::span<std::byte> from, std::span<std::byte> out) {
  switch (out.size()) {
    case 1: return load_once<uint8_t>(from, out);
    case 2: return load_once<uint16_t>(from, out);
    case 4: return load_once<uint32_t>(from, out);
    case 8: return load_once<uint64_t>(from, out);
    default: return false;
  }
}

Error no_ram(GuestPhysical address, uint64_t bytes) {
  return Error{ErrorCode::kOutOfRange,
               fmt::format("guest-physical {:#x}, {} bytes: no RAM there", address.value, bytes)};
}

}  // namespace

FlatMemory::FlatMemory(std::span<std::byte> ram, uint64_t low_bytes, DataExtents data_extents)
    : low_(ram.first(std::min<uint64_t>(low_bytes, ram.size()))),
      high_(ram.subspan(low_.size())),
      data_extents_(std::move(data_extents)) {
  KTAPE_CHECK(low_.size() <= kHighStart);
}

std::optional<std::span<std::byte>> FlatMemory::at(GuestPhysical address, uint64_t bytes) const {
  bool is_high = address.value >= kHighStart;
  std::span<std::byte> part = is_high ? high_ : low_;
  uint64_t offset = is_high ? address.value - kHighStart : address.value;
  // In this order: `part.size() - offset` must not wrap around for a hostile address.
  if (offset > part.size() || bytes > part.size() - offset) return std::nullopt;
  return part.subspan(offset, bytes);
}

Result<void> FlatMemory::read(GuestPhysical address, std::span<std::byte> out) const {
  auto from = at(address, out.size());
  if (!from) return no_ram(address, out.size());
  // Whatever is not an aligned word is copied; on a running machine it may be torn, which is why
  // hot reads are refused for it.
  if (!load_small(*from, out) && !out.empty()) std::memcpy(out.data(), from->data(), out.size());
  return {};
}

Result<void> FlatMemory::write(GuestPhysical address, std::span<const std::byte> bytes) {
  auto to = at(address, bytes.size());
  if (!to) return no_ram(address, bytes.size());
  if (!bytes.empty()) std::memcpy(to->data(), bytes.data(), bytes.size());
  return {};
}

Result<std::vector<PhysicalRange>> FlatMemory::populated() const {
  if (!data_extents_) return ram();
  KTAPE_ASSIGN(std::vector<Extent> extents, data_extents_());
  return ranges_of(extents);
}

Result<std::vector<PhysicalRange>> FlatMemory::ram() const {
  return ranges_of({{0, low_.size() + high_.size()}});
}

std::vector<PhysicalRange> FlatMemory::ranges_of(const std::vector<Extent>& extents) const {
  std::vector<PhysicalRange> ranges;
  auto add = [&](const Extent& extent, uint64_t from, uint64_t to, uint64_t base) {
    uint64_t start = std::max(extent.offset, from);
    uint64_t end = std::min(extent.offset + extent.bytes, to);
    if (start < end) ranges.push_back({GuestPhysical(base + start - from), end - start});
  };
  // An extent of the memfd knows nothing of the hole: one that crosses it becomes two ranges.
  for (const Extent& extent : extents) {
    add(extent, 0, low_.size(), 0);
    add(extent, low_.size(), low_.size() + high_.size(), kHighStart);
  }
  return ranges;
}

}  // namespace ktape
