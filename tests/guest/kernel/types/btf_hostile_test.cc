// SPDX-License-Identifier: Apache-2.0
// Untrusted BTF: whatever it contains, parsing and lookups end soon, with an error that says why.
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "guest/kernel/types/btf.h"
#include "tests/support/must.h"

using namespace ktape;
using namespace ktape::test;

namespace {

constexpr uint32_t kInt = 1, kPtr = 2, kArray = 3, kStruct = 4, kEnum = 6, kTypedef = 8,
                   kConst = 10;

// Raw BTF, word by word: unlike a library it accepts everything.
class RawBtf {
 public:
  uint32_t text(std::string_view name) {
    const auto at = static_cast<uint32_t>(strings_.size());
    strings_.append(name);
    strings_.push_back('\0');
    return at;
  }
  // Returns the new type's id.
  uint32_t type(uint32_t kind, uint32_t name, uint32_t count, uint32_t size_or_type,
                const std::vector<uint32_t>& items = {}) {
    for (const uint32_t word : {name, kind << 24 | count, size_or_type}) types_.push_back(word);
    types_.insert(types_.end(), items.begin(), items.end());
    return next_id_++;
  }
  void cut_types(uint32_t words) { types_.resize(types_.size() - words); }
  std::vector<std::byte> bytes() const {
    const auto type_bytes = static_cast<uint32_t>(types_.size() * 4);
    const uint32_t header[] = {0x0001eb9f, 24,         0,
                               type_bytes, type_bytes, static_cast<uint32_t>(strings_.size())};
    std::vector<std::byte> to(sizeof header + type_bytes + strings_.size());
    std::memcpy(to.data(), header, sizeof header);
    if (type_bytes != 0) std::memcpy(to.data() + sizeof header, types_.data(), type_bytes);
    std::memcpy(to.data() + sizeof header + type_bytes, strings_.data(), strings_.size());
    return to;
  }

  std::string strings_ = std::string(1, '\0');

 private:
  std::vector<uint32_t> types_;
  uint32_t next_id_ = 1;
};

// The bytes of a valid BTF, with one word of its header replaced.
std::vector<std::byte> with_header_word(size_t offset, uint32_t value) {
  RawBtf raw;
  raw.type(kInt, raw.text("int"), 0, 4, {32});
  std::vector<std::byte> bytes = raw.bytes();
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  return bytes;
}

std::string refusal(const std::vector<std::byte>& bytes) {
  const auto btf = Btf::parse(bytes);
  REQUIRE_FALSE(btf.ok());
  CHECK(btf.error().code == ErrorCode::kBadInput);
  return btf.error().message;
}

}  // namespace

TEST_CASE("valid BTF is read") {
  RawBtf raw;
  raw.type(kInt, raw.text("int"), 0, 4, {32});
  CHECK(must(must(Btf::parse(raw.bytes()))->type("int")).size_bytes == 4);
}

TEST_CASE("BTF without a header, or with one that does not fit, is refused") {
  CHECK(refusal({}) == "unusable BTF: it is shorter than a header");
  CHECK(refusal(with_header_word(0, 0x00019feb)) == "unusable BTF: it is big-endian");
  CHECK(refusal(with_header_word(0, 0x0001464c)) ==
        "unusable BTF: it does not begin with BTF's magic number");
  CHECK(refusal(with_header_word(0, 0x0002eb9f)) == "unusable BTF: unknown version 2");
  CHECK(refusal(with_header_word(4, 8)) == "unusable BTF: its header of 8 bytes does not fit");
  CHECK(refusal(with_header_word(4, 0xfffffff0)) ==
        "unusable BTF: its header of 4294967280 bytes does not fit");
}

TEST_CASE("BTF sections that reach beyond the bytes are refused") {
  CHECK(refusal(with_header_word(12, 0xfffffffc)) ==
        "unusable BTF: its types reach beyond its end");
  CHECK(refusal(with_header_word(16, 0xffffffff)) ==
        "unusable BTF: its strings reach beyond its end");
  CHECK(refusal(with_header_word(8, 2)) == "unusable BTF: its types are not aligned");
}

TEST_CASE("BTF strings without an end are refused") {
  RawBtf raw;
  raw.strings_ += "no end";
  CHECK(refusal(raw.bytes()) == "unusable BTF: its strings do not begin and end with a NUL");
  CHECK(refusal(with_header_word(20, 0)) ==
        "unusable BTF: its strings do not begin and end with a NUL");
}

TEST_CASE("a BTF string of thousands of bytes is refused") {
  RawBtf raw;
  raw.text(std::string(5000, 'x'));
  CHECK(refusal(raw.bytes()) == "unusable BTF: it has a string of more than 2048 bytes");
}

TEST_CASE("a BTF parameter whose name or type does not exist is refused") {
  constexpr uint32_t kFunctionProto = 13;
  RawBtf raw;
  raw.type(kFunctionProto, 0, 1, 0, {77, 0});
  CHECK(refusal(raw.bytes()) == "unusable BTF: type 1 has a name outside the strings");
  RawBtf other;
  other.type(kFunctionProto, 0, 1, 0, {0, 9});
  CHECK(refusal(other.bytes()) == "unusable BTF: type 1 refers to type 9, but there are only 2");
}

TEST_CASE("a BTF name outside the strings is refused") {
  RawBtf raw;
  raw.type(kInt, 77, 0, 4, {32});
  CHECK(refusal(raw.bytes()) == "unusable BTF: type 1 has a name outside the strings");
}

TEST_CASE("the names of BTF members and enumerators are checked against the strings") {
  RawBtf members;
  const uint32_t number = members.type(kInt, members.text("int"), 0, 4, {32});
  members.type(kStruct, 0, 1, 4, {999, number, 0});
  CHECK(refusal(members.bytes()) == "unusable BTF: type 2 has a name outside the strings");
  RawBtf values;
  values.type(kEnum, 0, 1, 4, {999, 0});
  CHECK(refusal(values.bytes()) == "unusable BTF: type 1 has a name outside the strings");
}

TEST_CASE("a BTF id that does not exist is refused, wherever it is used") {
  RawBtf pointer;
  pointer.type(kPtr, 0, 0, 9);
  CHECK(refusal(pointer.bytes()) == "unusable BTF: type 1 refers to type 9, but there are only 2");
  RawBtf array;
  array.type(kArray, 0, 0, 0, {0xffffffff, 0, 1});
  CHECK(refusal(array.bytes()) ==
        "unusable BTF: type 1 refers to type 4294967295, but there are only 2");
  RawBtf member;
  member.type(kStruct, 0, 1, 8, {0, 5, 0});
  CHECK(refusal(member.bytes()) == "unusable BTF: type 1 refers to type 5, but there are only 2");
}

TEST_CASE("a BTF kind that is not known is refused by number") {
  RawBtf raw;
  raw.type(25, 0, 0, 0);
  CHECK(refusal(raw.bytes()) == "unusable BTF: type 1 has unknown kind 25");
}

TEST_CASE("a BTF type that is cut short is refused") {
  RawBtf header;
  header.type(kPtr, 0, 0, 0);
  header.cut_types(1);
  CHECK(refusal(header.bytes()) == "unusable BTF: type 1 is cut short");
  RawBtf items;
  items.type(kStruct, 0, 65535, 8, {0, 0, 0});
  CHECK(refusal(items.bytes()) == "unusable BTF: type 1 is cut short");
}

TEST_CASE("a BTF member outside its struct is refused") {
  RawBtf raw;
  const uint32_t number = raw.type(kInt, raw.text("int"), 0, 4, {32});
  raw.type(kStruct, raw.text("s"), 1, 4, {raw.text("far"), number, 4096});
  CHECK(refusal(raw.bytes()) == "unusable BTF: type 2 has a member outside its 4 bytes");
}

TEST_CASE("a member whose type is larger than its struct is refused when it is looked up") {
  RawBtf raw;
  const uint32_t number = raw.type(kInt, raw.text("int"), 0, 8, {64});
  raw.type(kStruct, raw.text("s"), 1, 4, {raw.text("wide"), number, 0});
  const auto field = must(Btf::parse(raw.bytes()))->field("struct s", "wide");
  REQUIRE_FALSE(field.ok());
  CHECK(field.error().message == "'wide' reaches beyond its struct in BTF");
}

TEST_CASE("typedefs in a circle end with an error") {
  RawBtf raw;
  const uint32_t name = raw.text("round");
  raw.type(kTypedef, name, 0, 2);
  raw.type(kConst, 0, 0, 1);
  const auto type = must(Btf::parse(raw.bytes()))->type("round");
  REQUIRE_FALSE(type.ok());
  CHECK(type.error().code == ErrorCode::kBadInput);
  CHECK(type.error().message == "BTF type 1 is a chain of typedefs without an end");
}

TEST_CASE("arrays in a circle end with an error") {
  RawBtf raw;
  raw.type(kArray, 0, 0, 0, {1, 0, 2});
  const auto type = must(Btf::parse(raw.bytes()))->type(1);
  REQUIRE_FALSE(type.ok());
  CHECK(type.error().message == "BTF type 1 is nested too deeply");
}

TEST_CASE("a pointer to itself has a name that ends") {
  RawBtf raw;
  raw.type(kPtr, 0, 0, 1);
  const TypeInfo type = must(must(Btf::parse(raw.bytes()))->type(1));
  CHECK(type.kind == TypeKind::kPointer);
  CHECK(type.name.size() < 100);
}

TEST_CASE("an array of more bytes than 32 bits count is refused") {
  RawBtf raw;
  const uint32_t number = raw.type(kInt, raw.text("int"), 0, 8, {64});
  raw.type(kArray, 0, 0, 0, {number, 0, 0xffffffff});
  CHECK(must(Btf::parse(raw.bytes()))->type(2).error().message ==
        "BTF type 2 is an array of more than 4 GiB");
}

TEST_CASE("a struct that contains itself, anonymously, ends with an error") {
  RawBtf raw;
  raw.type(kStruct, raw.text("s"), 1, 8, {0, 1, 0});
  const auto field = must(Btf::parse(raw.bytes()))->field("struct s", "x");
  REQUIRE_FALSE(field.ok());
  CHECK(field.error().message == "BTF type 1 is nested too deeply");
}

TEST_CASE("anonymous members that multiply are not all searched") {
  RawBtf raw;
  raw.type(kStruct, 0, 0, 8);
  // Each holds the one before it a hundred times: a hundred to the power of twenty in total.
  for (uint32_t below = 1; below <= 20; ++below) {
    std::vector<uint32_t> members;
    for (int i = 0; i < 100; ++i) members.insert(members.end(), {0, below, 0});
    raw.type(kStruct, below == 20 ? raw.text("top") : 0, 100, 8, members);
  }
  const auto field = must(Btf::parse(raw.bytes()))->field("struct top", "x");
  REQUIRE_FALSE(field.ok());
  CHECK(field.error().code == ErrorCode::kBadInput);
}

TEST_CASE("an id that is not in BTF is an error, not a crash") {
  RawBtf raw;
  raw.type(kInt, raw.text("int"), 0, 4, {32});
  const auto btf = must(Btf::parse(raw.bytes()));
  CHECK(btf->type(uint32_t{2}).error().message == "BTF type 2 does not exist");
  CHECK_FALSE(btf->member(4000000000, "x").ok());
}

TEST_CASE("whatever word of BTF is damaged, reading all of it ends") {
  RawBtf raw;
  const uint32_t number = raw.type(kInt, raw.text("int"), 0, 4, {32});
  const uint32_t row = raw.type(kArray, 0, 0, 0, {number, number, 3});
  const uint32_t inner = raw.type(kStruct, 0, 1, 12, {raw.text("row"), row, 0});
  raw.type(kStruct, raw.text("s"), 2, 16, {raw.text("a"), number, 0, 0, inner, 32});
  raw.type(kTypedef, raw.text("t"), 0, inner);
  raw.type(kEnum, raw.text("e"), 1, 4, {raw.text("E"), 7});
  const std::vector<std::byte> good = raw.bytes();
  for (size_t at = 0; at + 4 <= good.size(); ++at) {
    for (const uint32_t damage : {0u, 1u, 3u, 0x7fu, 0x04000002u, 0x03000000u, 0xffffffffu}) {
      std::vector<std::byte> bytes = good;
      std::memcpy(bytes.data() + at, &damage, sizeof damage);
      const auto btf = Btf::parse(bytes);
      if (!btf.ok()) continue;
      for (uint32_t id = 0; id < 8; ++id) {
        (void)(*btf)->type(id);
        (void)(*btf)->member(id, "row");
      }
      (void)(*btf)->field("struct s", "row[2]");
      (void)(*btf)->enumerator("e", "E");
    }
  }
  SUCCEED();
}
