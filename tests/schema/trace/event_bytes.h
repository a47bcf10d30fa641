// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace ktape::test {

// The bytes of an event: its common header, and then what is put at offsets.
class EventBytes {
 public:
  explicit EventBytes(uint16_t id, int32_t pid = 0) { put(0, id).put(4, pid); }

  template <typename Number>
  EventBytes& put(size_t offset, Number value) {
    grow(offset + sizeof(value));
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
    return *this;
  }
  EventBytes& text(size_t offset, const std::string& value) {
    grow(offset + value.size());
    std::memcpy(bytes_.data() + offset, value.data(), value.size());
    return *this;
  }
  // The event has at least this size.
  EventBytes& grow(size_t bytes) {
    if (bytes_.size() < bytes) bytes_.resize(bytes);
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace ktape::test
