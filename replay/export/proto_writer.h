// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ktape {

// Writes a message in the wire format of Protocol Buffers
// (protobuf.dev/programming-guides/encoding), field by field. Field numbers are those of the
// message's schema.
class ProtoWriter {
 public:
  void number(uint32_t field,
              uint64_t value);  // int64, uint64, enum and bool; negative ones in two's complement
  void real(uint32_t field, double value);
  void text(uint32_t field, std::string_view value);  // string and bytes; a string has to be UTF-8
  void message(uint32_t field, const ProtoWriter& value);

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value);
  void tag(uint32_t field, uint32_t wire_type);

  std::string bytes_;
};

}  // namespace ktape
