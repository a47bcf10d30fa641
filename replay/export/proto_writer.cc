// SPDX-License-Identifier: Apache-2.0
#include "replay/export/proto_writer.h"

#include <bit>

namespace ktape {

namespace {

constexpr uint32_t kVarint = 0;
constexpr uint32_t kFixed64 = 1;
constexpr uint32_t kLengthDelimited = 2;

}  // namespace

void ProtoWriter::varint(uint64_t value) {
  // Seven bits in each byte, the lowest first; the highest bit says that more follow.
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
  bytes_ += static_cast<char>(value);
}

void ProtoWriter::tag(uint32_t field, uint32_t wire_type) {
  varint(uint64_t{field} << 3 | wire_type);
}

void ProtoWriter::number(uint32_t field, uint64_t value) {
  tag(field, kVarint);
  varint(value);
}

void ProtoWriter::real(uint32_t field, double value) {
  tag(field, kFixed64);
  auto bits = std::bit_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(bits >> (8 * i) & 0xff);
}

void ProtoWriter::text(uint32_t field, std::string_view value) {
  tag(field, kLengthDelimited);
  varint(value.size());
  bytes_ += value;
}

void ProtoWriter::message(uint32_t field, const ProtoWriter& value) { text(field, value.bytes()); }

}  // namespace ktape
