// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/message_shape.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <vector>

#include "schema/tape/message.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_editor.h"

namespace ktape {

using Catch::Matchers::ContainsSubstring;

namespace {

// Pointers of the encoding, relative to the word after them.
constexpr uint64_t struct_at(int32_t offset, uint64_t data, uint64_t pointers) {
  return (static_cast<uint32_t>(offset) << 2 & 0xfffffffc) | data << 32 | pointers << 48;
}
constexpr uint64_t list_at(int32_t offset, uint64_t size, uint64_t count) {
  return (static_cast<uint32_t>(offset) << 2 & 0xfffffffc) | 1 | size << 32 | count << 35;
}
constexpr uint64_t kVoid = 0, kByte = 2, kPointers = 6, kComposite = 7;

std::string finding(const std::vector<uint64_t>& words) {
  const auto checked = check_shape(words);
  return checked.ok() ? "" : checked.error().message;
}

// A record whose list of `pointers` pointers all lead to one struct of `words` words.
std::vector<uint64_t> shared(uint64_t pointers, uint64_t words) {
  std::vector<uint64_t> message = {struct_at(0, 0, 1), list_at(0, kPointers, pointers)};
  for (uint64_t i = 0; i < pointers; ++i) {
    message.push_back(struct_at(static_cast<int32_t>(pointers - i - 1), words, 0));
  }
  message.resize(message.size() + words);
  return message;
}

}  // namespace

TEST_CASE("messages from a builder reach all of their words") {
  auto message = test::must(
      RecordMessage::build(Seq(1), HostNs(2), GuestNs(3), [](schema::Record::Builder record) {
        auto entries = record.initOpRequested().initEntries(40);
        for (auto entry : entries) {
          entry.setTag("tag");
          entry.initTarget().initSteps(3)[1].setMember("member");
          entry.initWrite().initList(4)[2].setBytes(capnp::Data::Reader());
        }
      }));
  RecordDecoder decoder;
  CHECK(decoder.decode(message.bytes()).ok());
}

TEST_CASE("pointers that lead to the same place many times are refused") {
  CHECK(finding(shared(1, 100)).empty());
  CHECK_THAT(finding(shared(2, 100)), ContainsSubstring("reach more than its 104 words"));
  CHECK_THAT(finding(shared(1000, 100)), ContainsSubstring("reach more than"));
}

TEST_CASE("a pointer that leads to itself is refused") {
  CHECK_THAT(finding({struct_at(-1, 0, 1)}), ContainsSubstring("reach more than"));
  CHECK_THAT(finding({struct_at(0, 0, 1), struct_at(-1, 0, 1)}),
             ContainsSubstring("reach more than"));
}

TEST_CASE("lists of elements without size are refused when they are longer than the message") {
  CHECK(finding({struct_at(0, 0, 1), list_at(0, kVoid, 0)}).empty());
  CHECK_THAT(finding({struct_at(0, 0, 1), list_at(0, kVoid, (1u << 29) - 1)}),
             ContainsSubstring("reach more than"));
  // 500 million structs of zero size.
  CHECK_THAT(finding({struct_at(0, 0, 1), list_at(0, kComposite, 0), uint64_t{0x7ffffff0}}),
             ContainsSubstring("reach more than"));
}

TEST_CASE("a pointer to another segment is refused") {
  CHECK(finding({uint64_t{2}}) == "it has a pointer to another segment");
}

TEST_CASE("pointers out of bounds are left to the reader") {
  CHECK(finding({struct_at(1000, 1, 0)}).empty());
  CHECK(finding({struct_at(-1000, 1, 0)}).empty());
  CHECK(finding({list_at(0, kByte, 1u << 20)}).empty());
  CHECK(finding({list_at(0, kComposite, 1u << 20)}).empty());
  CHECK(finding({struct_at(0, 0, 1), list_at(0, kComposite, 1), struct_at(100, 1, 1), 0}).empty());
  CHECK(finding({uint64_t{3}}).empty());
}

TEST_CASE(
    "a list of elements that are a byte each is refused when it is longer than any that is "
    "recorded") {
  const uint16_t kind = static_cast<uint16_t>(schema::Record::OP_REPLIED);
  const auto record_of = [&](uint64_t elements) {
    std::vector<uint64_t> words = {struct_at(0, 4, 1),         1, 0, 0, kind,
                                   struct_at(0, 3, 2),         0, 0, 0, 0,
                                   list_at(0, kByte, elements)};
    words.resize(words.size() + elements / 8 + 1);
    return test::framed(words);
  };
  RecordDecoder decoder;
  CHECK(decoder.decode(record_of(1u << 18)).ok());
  const auto record = decoder.decode(record_of((1u << 18) + 1));
  REQUIRE_FALSE(record.ok());
  CHECK(record.error().message == "it has a list of more than 262144 elements");
}

TEST_CASE("a record that was made to exhaust its reader is refused in whichever list it hides") {
  RecordDecoder decoder;
  // A Record: five words of data (the union's tag is in the fourth), one pointer.
  const uint16_t kind = static_cast<uint16_t>(schema::Record::OP_REQUESTED);
  const std::vector<uint64_t> words = {struct_at(0, 4, 1),
                                       1,
                                       0,
                                       0,
                                       kind,
                                       struct_at(0, 4, 1),
                                       0,
                                       0,
                                       0,
                                       0,
                                       list_at(0, kVoid, (1u << 29) - 1)};
  const auto record = decoder.decode(test::framed(words));
  REQUIRE_FALSE(record.ok());
  CHECK_THAT(record.error().message, ContainsSubstring("reach more than"));
}

}  // namespace ktape
