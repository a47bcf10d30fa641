// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"

namespace ktape {

// A record as a tape stores it: one message of one segment in Cap'n Proto's stream framing. One
// segment, so that a reader can use the bytes as they are in the database.
class RecordMessage {
 public:
  // Builds it. kInternal if `fill` throws or chooses no kind, kOutOfRange if it is too large.
  [[nodiscard]] static Result<RecordMessage> build(
      Seq seq, HostNs host, GuestNs guest,
      const std::function<void(schema::Record::Builder)>& fill);

  [[nodiscard]] std::span<const std::byte> bytes() const;

 private:
  explicit RecordMessage(kj::Array<capnp::word> words) : words_(std::move(words)) {}
  kj::Array<capnp::word> words_;
};

// Decodes records one after another; keeps its memory between them.
class RecordDecoder {
 public:
  // Valid until the next call. kBadInput if the bytes are not such a message. Its members are not
  // checked yet: reading a bad one throws kj::Exception.
  [[nodiscard]] Result<schema::Record::Reader> decode(std::span<const std::byte> bytes);
  // The same without a copy, for bytes that begin at a multiple of 8 and stay there.
  [[nodiscard]] Result<schema::Record::Reader> decode_in_place(std::span<const std::byte> bytes);

 private:
  std::vector<uint64_t> words_;  // aligned, unlike a database's bytes
  std::optional<capnp::FlatArrayMessageReader> reader_;
};

// The union's discriminant, also of a kind that this build does not know.
[[nodiscard]] inline uint16_t kind_of(schema::Record::Reader record) {
  return static_cast<uint16_t>(record.which());
}
[[nodiscard]] inline bool is_known_kind(uint16_t kind) {
  return kind > static_cast<uint16_t>(schema::Record::UNKNOWN) &&
         kind <= static_cast<uint16_t>(schema::Record::CLOCKSOURCE_SEEN);
}

}  // namespace ktape
