// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/type_text.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "tests/support/kernel/btf_builder.h"
#include "tests/support/must.h"

using namespace ktape;
using namespace ktape::test;

namespace {

// Builds one struct of the given fields, and shows it for bytes that count up from 1.
class Shown {
 public:
  BtfBuilder b;
  int u8 = b.typedef_of("u8", b.integer("unsigned char", 1));
  int u16 = b.integer("unsigned short", 2);
  int u32 = b.integer("unsigned int", 4);
  int u64 = b.integer("unsigned long", 8);
  int s32 = b.signed_integer("int", 4);
  int boolean = b.boolean("bool");
  int character = b.integer("char", 1);

  std::string of(uint32_t bytes, const std::vector<BtfBuilder::Field>& fields,
                 const TypeTextOptions& options = {}) {
    b.structure("subject", bytes, fields);
    return text("struct subject", options);
  }

  std::string text(const std::string& type, const TypeTextOptions& options = {}) {
    const auto btf = must(Btf::parse(b.bytes()));
    return type_text(*btf, must(btf->type(type)), memory, options);
  }

  template <typename T>
  void put(size_t offset, const T& value) {
    if (memory.size() < offset + sizeof value) memory.resize(offset + sizeof value);
    std::memcpy(memory.data() + offset, &value, sizeof value);
  }

  std::vector<std::byte> memory;
};

}  // namespace

TEST_CASE("numbers are shown according to their types: unsigned, signed, bool") {
  Shown s;
  s.put(0, uint32_t{7});
  s.put(4, int32_t{-2});
  s.put(8, uint8_t{1});
  s.put(16, ~uint64_t{0});
  CHECK(s.of(24, {{"a", s.u32, 0}, {"b", s.s32, 4}, {"c", s.boolean, 8}, {"d", s.u64, 16}}) ==
        "{\n"
        "  a = 7\n"
        "  b = -2\n"
        "  c = true\n"
        "  d = 18446744073709551615 (0xffffffffffffffff)\n"
        "}");
}

TEST_CASE("enums are shown by name, and by number where they have none") {
  Shown s;
  const int color = s.b.enumeration("color", {{"RED", 1}, {"MINUS", -1}});
  const int wide = s.b.enumeration64("wide", {{"TOP", uint64_t{1} << 63}});
  s.put(0, uint32_t{1});
  s.put(4, int32_t{-1});
  s.put(8, uint32_t{9});
  s.put(16, uint64_t{1} << 63);
  CHECK(s.of(24, {{"a", color, 0}, {"b", color, 4}, {"c", color, 8}, {"d", wide, 16}}) ==
        "{\n"
        "  a = RED (1)\n"
        "  b = MINUS (4294967295)\n"
        "  c = 9\n"
        "  d = TOP (9223372036854775808)\n"
        "}");
}

TEST_CASE("pointers are shown in hex, with the symbol known to the caller") {
  Shown s;
  const int pointer = s.b.pointer(s.u32);
  s.put(0, uint64_t{0xffff888000001000});
  s.put(8, uint64_t{0});
  s.put(16, uint64_t{0xffffffff81000000});
  const auto symbol = [](uint64_t at) {
    return at >> 31 == 0x1ffffffff ? std::string("_text+0x0") : "";
  };
  CHECK(s.of(24, {{"a", pointer, 0}, {"b", pointer, 8}, {"c", pointer, 16}}, {.symbol = symbol}) ==
        "{\n"
        "  a = 0xffff888000001000\n"
        "  b = NULL\n"
        "  c = 0xffffffff81000000 (_text+0x0)\n"
        "}");
}

TEST_CASE("a pointer to characters is shown with the text that it leads to") {
  Shown s;
  const int text = s.b.pointer(s.b.constant(s.character));
  const int bytes = s.b.pointer(s.b.integer("unsigned char", 1));
  s.put(0, uint64_t{0x1000});
  s.put(8, uint64_t{0x2000});
  s.put(16, uint64_t{0x1000});
  s.put(24, uint64_t{0});
  const auto known = [](uint64_t at) {
    return at == 0x1000 ? std::optional(std::string("/work\x1b[2J\0no more", 17)) : std::nullopt;
  };
  CHECK(s.of(32, {{"path", text, 0}, {"gone", text, 8}, {"data", bytes, 16}, {"null", text, 24}},
             {.text = known}) ==
        "{\n"
        "  path = 0x1000 \"/work\\x1b[2J\"\n"
        "  gone = 0x2000\n"
        "  data = 0x1000\n"
        "  null = NULL\n"
        "}");
}

TEST_CASE("a mask of CPUs is a list of their numbers, whatever the name of its type") {
  Shown s;
  const int mask = s.b.structure("cpumask", 16, {{"bits", s.b.array(s.u64, 2), 0}});
  const int alias = s.b.typedef_of("cpumask_t", mask);
  s.put(0, std::array<uint64_t, 2>{0x4f, 0x3});
  s.put(16, std::array<uint64_t, 2>{0, 0});
  s.put(32, std::array<uint64_t, 2>{~uint64_t{0}, ~uint64_t{0}});
  s.put(48, std::array<uint64_t, 2>{0x5555555555555555, 0x5555555555555555});
  CHECK(s.of(80, {{"may", mask, 0},
                  {"none", alias, 16},
                  {"all", s.b.array(alias, 1), 32},
                  {"cut", mask, 72}}) ==
        "{\n"
        "  may = 0-3,6,64-65\n"
        "  none = none\n"
        "  all = [\n"
        "    0-127\n"
        "  ]\n"
        "  cut = (not there)\n"
        "}");
}

TEST_CASE("a mask ends with the last CPU of the machine") {
  Shown s;
  s.b.structure("cpumask", 16, {{"bits", s.b.array(s.u64, 2), 0}});
  s.put(0, std::array<uint64_t, 2>{3, ~uint64_t{0}});
  CHECK(s.text("struct cpumask") == "0-1,64-127");
  CHECK(s.text("struct cpumask", {.cpus = 2}) == "0-1");
  CHECK(s.text("struct cpumask", {.cpus = 1}) == "0");
  CHECK(s.text("struct cpumask", {.cpus = 1000}) == "0-1,64-127");
}

TEST_CASE("a mask of very many CPUs is cut") {
  Shown s;
  s.b.structure("cpumask", 32, {{"bits", s.b.array(s.u64, 4), 0}});
  s.put(0, std::array<uint64_t, 4>{0x5555555555555555, 0x5555555555555555, 0x5555555555555555, 0});
  CHECK(s.text("struct cpumask").starts_with("0,2,4,6,"));
  CHECK(s.text("struct cpumask").ends_with(",126,..."));
}

TEST_CASE("arrays of characters are shown as text that is safe for a terminal") {
  Shown s;
  s.put(0, std::array<char, 8>{'s', 'l', 'e', 'e', 'p', 0, 'x', 0});
  s.put(8, std::array<char, 4>{'\x1b', '[', '2', 'J'});
  CHECK(
      s.of(12, {{"comm", s.b.array(s.character, 8), 0}, {"evil", s.b.array(s.character, 4), 8}}) ==
      "{\n"
      "  comm = \"sleep\"\n"
      "  evil = \"\\x1b[2J\"\n"
      "}");
}

TEST_CASE("arrays of numbers are one line, with runs of equal ones counted") {
  Shown s;
  s.put(0, std::array<uint16_t, 6>{1, 2, 0, 0, 0, 3});
  s.put(12, std::array<uint8_t, 4>{5, 5, 5, 5});
  CHECK(s.of(16, {{"a", s.b.array(s.u16, 6), 0}, {"b", s.b.array(s.u8, 4), 12}}) ==
        "{\n"
        "  a = [1, 2, 0 x 3, 3]\n"
        "  b = [5 x 4]\n"
        "}");
}

TEST_CASE("a long array of different numbers is cut, and says so") {
  Shown s;
  for (uint8_t i = 0; i < 100; ++i) s.put(i, i);
  const std::string text = s.of(100, {{"a", s.b.array(s.u8, 100), 0}});
  CHECK(text.ends_with("62, 63, and 36 more]\n}"));
}

TEST_CASE("structs in structs, arrays of structs and arrays of arrays are shown nested") {
  Shown s;
  const int inner = s.b.structure("inner", 2, {{"x", s.u8, 0}, {"y", s.u8, 1}});
  const int row = s.b.array(s.u8, 2);
  s.put(0, std::array<uint8_t, 12>{1, 2, 3, 4, 3, 4, 3, 4, 5, 6, 7, 8});
  CHECK(
      s.of(12,
           {{"one", inner, 0}, {"more", s.b.array(inner, 3), 2}, {"grid", s.b.array(row, 2), 8}}) ==
      "{\n"
      "  one = {\n"
      "    x = 1\n"
      "    y = 2\n"
      "  }\n"
      "  more = [\n"
      "    {\n"
      "      x = 3\n"
      "      y = 4\n"
      "    }\n"
      "    2 more like it\n"
      "  ]\n"
      "  grid = [\n"
      "    [5, 6]\n"
      "    [7, 8]\n"
      "  ]\n"
      "}");
}

TEST_CASE("unions show all of their members, anonymous ones too") {
  Shown s;
  const int either = s.b.union_of("", 4, {{"number", s.u32, 0}, {"low", s.u8, 0}});
  const int hidden = s.b.structure("", 1, {{"z", s.u8, 0}});
  s.put(0, uint32_t{0x102});
  s.put(4, uint8_t{9});
  CHECK(s.of(8, {{"", either, 0}, {"", hidden, 4}}) ==
        "{\n"
        "  union {\n"
        "    number = 258\n"
        "    low = 2\n"
        "  }\n"
        "  struct {\n"
        "    z = 9\n"
        "  }\n"
        "}");
}

TEST_CASE("bit-fields are shown with their width, and signed ones with their sign") {
  Shown s;
  const int color = s.b.enumeration("color", {{"RED", 1}});
  s.put(0, uint32_t{0b1'11'010'1});
  CHECK(s.of(4, {{"a", s.u32, 0, 1, 0},
                 {"b", s.u32, 0, 3, 1},
                 {"c", s.s32, 0, 2, 4},
                 {"d", color, 0, 1, 6}}) ==
        "{\n"
        "  a:1 = 1\n"
        "  b:3 = 2\n"
        "  c:2 = -1\n"
        "  d:1 = RED (1)\n"
        "}");
}

TEST_CASE("a scalar by itself is one line") {
  Shown s;
  s.put(0, uint32_t{12});
  CHECK(s.text("unsigned int") == "12");
}

TEST_CASE("an array without a length and a struct without members are shown empty") {
  Shown s;
  s.put(0, uint64_t{0});
  CHECK(s.of(8, {{"tail", s.b.array(s.u64, 0), 8}, {"none", s.b.structure("empty", 0, {}), 8}}) ==
        "{\n"
        "  tail = []\n"
        "  none = {}\n"
        "}");
}

TEST_CASE("members beyond the bytes are shown as missing") {
  Shown s;
  s.put(0, uint32_t{3});
  const int inner = s.b.structure("inner", 4, {{"x", s.u32, 0}});
  CHECK(s.of(32, {{"a", s.u32, 0},
                  {"b", s.u64, 8},
                  {"c", inner, 16},
                  {"d", s.b.array(s.u8, 4), 20},
                  {"e", s.u32, 24, 3, 0}}) ==
        "{\n"
        "  a = 3\n"
        "  b = (not there)\n"
        "  c = (not there)\n"
        "  d = (not there)\n"
        "  e:3 = (not there)\n"
        "}");
}

TEST_CASE("text of a type ends after the requested number of lines") {
  Shown s;
  s.put(0, std::array<uint8_t, 200>{});
  std::vector<BtfBuilder::Field> fields;
  for (uint32_t i = 0; i < 200; ++i) fields.push_back({"m" + std::to_string(i), s.u8, i});
  const std::string text = s.of(200, fields, {.max_lines = 10});
  CHECK(std::count(text.begin(), text.end(), '\n') == 11);
  CHECK(text.ends_with("  m8 = 0\n}\n(cut after 10 lines)"));
}
