// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "schema/base/little_endian.h"
#include "schema/trace/event_format.h"

namespace ktape::field {

// For the readers of fields in this folder: without an error, which none of a million events has.

struct Extent {
  uint32_t offset = 0, bytes = 0;
};

// Where a dynamic array is in its event, from the location in the event.
[[nodiscard]] inline Extent array_at(const EventField& field, uint32_t location) {
  constexpr uint32_t kOffsetBits = 16, kOffsetMask = (1u << kOffsetBits) - 1;
  const uint32_t from =
      field.place == FieldPlace::kRelLoc ? field.offset_bytes + field.size_bytes : 0;
  return {from + (location & kOffsetMask), location >> kOffsetBits};
}

// The bytes of a field in the data of an event; nothing if they are not all in it.
[[nodiscard]] inline std::optional<std::span<const std::byte>> find(std::span<const std::byte> data,
                                                                    const EventField& field) {
  Extent extent{field.offset_bytes, field.size_bytes};
  if (extent.offset > data.size() || extent.bytes > data.size() - extent.offset) return {};
  if (field.place == FieldPlace::kFixed) return data.subspan(extent.offset, extent.bytes);
  if (field.place == FieldPlace::kRest) return data.subspan(extent.offset);
  extent = array_at(field, *load<uint32_t>(data, extent.offset));
  if (extent.offset > data.size() || extent.bytes > data.size() - extent.offset) return {};
  return data.subspan(extent.offset, extent.bytes);
}

template <typename Unsigned, typename Signed>
[[nodiscard]] uint64_t widened(std::span<const std::byte> bytes, bool is_signed) {
  const Unsigned value = *load<Unsigned>(bytes, 0);
  return is_signed ? static_cast<uint64_t>(int64_t{static_cast<Signed>(value)}) : value;
}

// Of 1, 2, 4 or 8 bytes: a number of 64 bits; a signed one is extended.
[[nodiscard]] inline uint64_t integer(std::span<const std::byte> bytes, bool is_signed) {
  switch (bytes.size()) {
    case 1: return widened<uint8_t, int8_t>(bytes, is_signed);
    case 2: return widened<uint16_t, int16_t>(bytes, is_signed);
    case 4: return widened<uint32_t, int32_t>(bytes, is_signed);
    default: return *load<uint64_t>(bytes, 0);
  }
}

// Up to the first NUL.
[[nodiscard]] inline std::string_view text(std::span<const std::byte> bytes) {
  const std::string_view whole(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return whole.substr(0, whole.find('\0'));
}

}  // namespace ktape::field
