// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/btf.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/btf_builder.h"

using namespace ktape;
using ktape::test::BtfBuilder;

namespace {

// struct inner { u32 a; }; struct outer { u64 first; union { struct inner in; u8 low; }; int bit:3;
// ... }
std::unique_ptr<Btf> small_btf() {
  BtfBuilder b;
  const int u8 = b.typedef_of("u8", b.integer("unsigned char", 1));
  const int u32 = b.typedef_of("u32", b.integer("unsigned int", 4));
  const int u64 = b.typedef_of("u64", b.typedef_of("__u64", b.integer("unsigned long long", 8)));
  const int inner = b.structure("inner", 4, {{"a", u32, 0}});
  const int anonymous = b.union_of("", 4, {{"in", inner, 0}, {"low", u8, 0}});
  const int link = b.pointer(b.forward("outer"));
  b.structure("outer", 48,
              {{"first", b.constant(u64), 0},
               {"", anonymous, 8},
               {"bit", u32, 12, 3},
               {"table", b.array(inner, 3), 16},
               {"next", link, 32},
               {"tail", b.array(u64, 0), 40}});
  b.enumeration("color", {{"RED", 1}, {"MINUS", -1}});
  b.enumeration64("wide", {{"TOP", uint64_t{1} << 63}});
  b.per_cpu_variable("counters", inner);
  auto btf = Btf::parse(b.bytes());
  REQUIRE(btf.ok());
  return std::move(*btf);
}

}  // namespace

TEST_CASE("bytes that are not BTF are refused") {
  const std::vector<std::byte> junk(64, std::byte{0x5a});
  const auto btf = Btf::parse(junk);
  REQUIRE_FALSE(btf.ok());
  CHECK(btf.error().code == ErrorCode::kBadInput);
}

TEST_CASE("typedefs and qualifiers are resolved, and the declared name is kept") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "first");
  REQUIRE(field.ok());
  CHECK(field->type.kind == TypeKind::kInteger);
  CHECK(field->type.name == "u64");
  CHECK(field->type.size_bytes == 8);
}

TEST_CASE("members of anonymous unions count as the struct's own") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "in.a");
  REQUIRE(field.ok());
  CHECK(field->offset_bytes == 8);
  CHECK(field->type.size_bytes == 4);
  CHECK(btf->has_field("struct outer", "low"));
}

TEST_CASE("an index selects an element and stays inside the array") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "table[2].a");
  REQUIRE(field.ok());
  CHECK(field->offset_bytes == 24);
  const auto outside = btf->field("struct outer", "table[3]");
  REQUIRE_FALSE(outside.ok());
  CHECK(outside.error().code == ErrorCode::kOutOfRange);
  CHECK(outside.error().message == "index 3 is outside 'struct inner[3]'");
}

TEST_CASE("an array without a length may be indexed") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "tail[2]");
  REQUIRE(field.ok());
  CHECK(field->offset_bytes == 56);
}

TEST_CASE("a bit-field is refused by name") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "bit");
  REQUIRE_FALSE(field.ok());
  CHECK(field.error().code == ErrorCode::kRefused);
  CHECK(field.error().message == "'bit' is a bit-field: it has no address of its own");
}

TEST_CASE("an unknown member is answered with the nearest one") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "frist");
  REQUIRE_FALSE(field.ok());
  CHECK(field.error().code == ErrorCode::kNotFound);
  CHECK(field.error().message == "'struct outer' has no member 'frist'");
  CHECK(field.error().hint == "did you mean 'first'?");
}

TEST_CASE("an unknown type is answered with the nearest one") {
  const auto btf = small_btf();
  CHECK(btf->type("struct outher").error().hint == "did you mean 'outer'?");
  CHECK(btf->type("outer").error().hint == "did you mean 'struct outer'?");
  CHECK_FALSE(btf->has_field("struct absent", "x"));
}

TEST_CASE("a member of a pointer is refused with the way to follow it") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "next.first");
  REQUIRE_FALSE(field.ok());
  CHECK(field.error().message == "'struct outer *' has no members: cannot take 'first'");
  CHECK(field.error().hint == "follow the pointer with '->'");
}

TEST_CASE("a pointer to a forward declaration leads to the defined struct") {
  const auto btf = small_btf();
  const auto field = btf->field("struct outer", "next");
  REQUIRE(field.ok());
  CHECK(field->type.kind == TypeKind::kPointer);
  const auto target = btf->type(field->type.target_id);
  REQUIRE(target.ok());
  CHECK(target->kind == TypeKind::kStruct);
  CHECK(target->size_bytes == 48);
}

TEST_CASE("enumerators are found in 32-bit and 64-bit enums") {
  const auto btf = small_btf();
  CHECK(btf->enumerator("color", "RED") == 1);
  CHECK(btf->enumerator("color", "MINUS") == UINT64_MAX);
  CHECK(btf->enumerator("wide", "TOP") == uint64_t{1} << 63);
  CHECK_FALSE(btf->enumerator("color", "BLUE").has_value());
  CHECK_FALSE(btf->enumerator("absent", "RED").has_value());
  CHECK(btf->enumerator_name("color", 1) == "RED");
  CHECK_FALSE(btf->enumerator_name("color", 7).has_value());
}

TEST_CASE("per-CPU variables have a type, other names do not") {
  const auto btf = small_btf();
  const auto type = btf->variable("counters");
  REQUIRE(type.ok());
  CHECK(type->name == "struct inner");
  CHECK(btf->variable("countres").error().hint == "did you mean 'counters'?");
}
