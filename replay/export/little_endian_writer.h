// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "schema/base/little_endian.h"

namespace ktape {

// Appends the bytes of integers and of structs of integers.
class LittleEndianWriter {
 public:
  template <typename T>
  void add(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void u8(uint8_t value) { add(value); }
  void u16(uint16_t value) { add(value); }
  void u32(uint32_t value) { add(value); }
  void u64(uint64_t value) { add(value); }
  // LEB128, as in DWARF; sleb is signed.
  void uleb(uint64_t value) {
    for (; value >= 0x80; value >>= 7) u8(static_cast<uint8_t>(value | 0x80));
    u8(static_cast<uint8_t>(value));
  }
  void sleb(int64_t value) {
    for (; value < -0x40 || value >= 0x40; value >>= 7) u8(static_cast<uint8_t>(value | 0x80));
    u8(static_cast<uint8_t>(value & 0x7f));
  }
  // With its NUL.
  void text(std::string_view text) {
    bytes_.append(text);
    u8(0);
  }
  // Overwrites four bytes that were added before.
  void set_u32(size_t at, uint32_t value) {
    bytes_.replace(at, sizeof value, reinterpret_cast<const char*>(&value), sizeof value);
  }

  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace ktape
