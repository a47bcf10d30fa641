// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/message.h"

#include <capnp/dynamic.h>
#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "schema/tape/message_shape.h"
#include "schema/tape/tables.h"

namespace ktape {

namespace {

constexpr size_t kWordBytes = sizeof(capnp::word);
constexpr size_t kScratchWords = 256;
constexpr int kNesting = 32;
// A reader may walk a record many times, but its pointers must not lead it in circles.
constexpr uint64_t kTraversalsOfARecord = 64;
constexpr uint64_t kTraversalWordsAtLeast = uint64_t{1} << 20;

// A message that outgrew its first segment, copied into one. setRoot() copies into a first segment
// that is as large as the whole.
kj::Array<capnp::word> in_one_segment(schema::Record::Reader record) {
  capnp::MallocMessageBuilder message(static_cast<uint>(record.totalSize().wordCount + 1));
  message.setRoot(record);
  KTAPE_CHECK(message.getSegmentsForOutput().size() == 1);
  return capnp::messageToFlatArray(message);
}

uint32_t load_u32(const std::byte* at) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= std::to_integer<uint32_t>(at[i]) << (8 * i);
  return value;
}

// Stream framing of one segment: the number of segments minus one, the words of the first, its
// words.
bool is_one_segment(std::span<const std::byte> bytes) {
  if (bytes.size() < 2 * kWordBytes || bytes.size() % kWordBytes != 0) return false;
  return load_u32(bytes.data()) == 0 && load_u32(bytes.data() + 4) == bytes.size() / kWordBytes - 1;
}

Result<void> check_framing(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxRecordBytes) return bad_input("it is larger than a record can be");
  return is_one_segment(bytes) ? Result<void>() : bad_input("it is not one message of one segment");
}

bool lists_fit(const capnp::DynamicValue::Reader& value);

// The union's member that was chosen, and all others: what is not set has its default, which fits.
bool struct_fits(const capnp::DynamicStruct::Reader& part) {
  KJ_IF_MAYBE (chosen, part.which()) {
    if (!lists_fit(part.get(*chosen))) return false;
  }
  for (auto field : part.getSchema().getNonUnionFields()) {
    if (part.has(field) && !lists_fit(part.get(field))) return false;
  }
  return true;
}

// Whether no list in it is longer than kMaxListElements. Bytes do not count as a list here.
bool lists_fit(const capnp::DynamicValue::Reader& value) {
  if (value.getType() == capnp::DynamicValue::STRUCT)
    return struct_fits(value.as<capnp::DynamicStruct>());
  if (value.getType() != capnp::DynamicValue::LIST) return true;
  const auto list = value.as<capnp::DynamicList>();
  if (list.size() > kMaxListElements) return false;
  for (auto element : list) {
    if (!lists_fit(element)) return false;
  }
  return true;
}

}  // namespace

Result<RecordMessage> RecordMessage::build(
    Seq seq, HostNs host, GuestNs guest, const std::function<void(schema::Record::Builder)>& fill) {
  try {
    // Most records fit in here. Cap'n Proto would take 8 KiB of zeroed memory for each record.
    std::array<uint64_t, kScratchWords> scratch{};
    capnp::MallocMessageBuilder message(
        kj::arrayPtr(reinterpret_cast<capnp::word*>(scratch.data()), scratch.size()));
    auto record = message.initRoot<schema::Record>();
    // After `fill`, which must not set these: the caller knows time and number.
    fill(record);
    record.setSeq(seq.value);
    record.setHostNs(host.value);
    record.setGuestNs(guest.value);
    if (record.which() == schema::Record::UNKNOWN) {
      return Error{ErrorCode::kInternal, "a record without a kind was appended", ""};
    }
    bool whole = message.getSegmentsForOutput().size() == 1;
    // Rare: only a record that outgrew the scratch space.
    RecordMessage built(whole ? capnp::messageToFlatArray(message)
                              : in_one_segment(record.asReader()));
    if (built.bytes().size() > kMaxRecordBytes) {
      return Error{ErrorCode::kOutOfRange,
                   "a record of " + std::to_string(built.bytes().size()) +
                       " bytes is over the limit of " + std::to_string(kMaxRecordBytes),
                   ""};
    }
    return built;
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kInternal,
                 std::string("cannot build a record: ") + exception.getDescription().cStr(), ""};
  }
}

std::span<const std::byte> RecordMessage::bytes() const {
  auto raw = words_.asBytes();
  return {reinterpret_cast<const std::byte*>(raw.begin()), raw.size()};
}

Result<schema::Record::Reader> RecordDecoder::decode(std::span<const std::byte> bytes) {
  KTAPE_TRY(check_framing(bytes));
  words_.resize(bytes.size() / kWordBytes);
  std::memcpy(words_.data(), bytes.data(), bytes.size());
  return decode_in_place(std::as_bytes(std::span(words_)));
}

Result<schema::Record::Reader> RecordDecoder::decode_in_place(std::span<const std::byte> bytes) {
  KTAPE_CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % kWordBytes == 0);
  KTAPE_TRY(check_framing(bytes));
  const std::span words(reinterpret_cast<const uint64_t*>(bytes.data()), bytes.size() / kWordBytes);
  // Before Cap'n Proto sees it: its traversal limit has to allow for readers that walk a record
  // many times.
  KTAPE_TRY(check_shape(words.subspan(1)));
  capnp::ReaderOptions limits;
  // Generous for records, which are read more than once, and still a bound.
  limits.traversalLimitInWords =
      std::max(kTraversalWordsAtLeast, kTraversalsOfARecord * words.size());
  limits.nestingLimit = kNesting;
  try {
    reader_.emplace(kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size()),
                    limits);
    const auto record = reader_->getRoot<schema::Record>();
    // An element may be as small as a byte: a smaller message has fewer elements than that. A list
    // of many small elements costs more rows and more text than its bytes suggest.
    if (bytes.size() > kMaxListElements && !lists_fit(capnp::toDynamic(record))) {
      return bad_input("it has a list of more than " + std::to_string(kMaxListElements) +
                       " elements");
    }
    return record;
  } catch (const kj::Exception& exception) {
    return bad_input(exception.getDescription().cStr());
  }
}

}  // namespace ktape
