// SPDX-License-Identifier: Apache-2.0
#include "replay/export/image_sections.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>

#include "replay/export/dwarf_types.h"
#include "replay/export/little_endian_writer.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

SymbolTable table(const std::string& text) { return must(SymbolTable::from_text(text)); }

// ".text 0xffffffff81000000-0xffffffff81002000"
std::vector<std::string> sections_of(const std::string& text) {
  std::vector<std::string> words;
  for (const ImageSection& one : must(image_sections(table(text))))
    words.push_back(fmt::format("{} {:x}-{:x}", one.name, one.start, one.end));
  return words;
}

constexpr char kImage[] =
    "ffffffff81000000 T _text\n"
    "ffffffff81001800 T _etext\n"
    "ffffffff81002000 R __start_rodata\n"
    "ffffffff81003000 R __end_rodata\n"
    "ffffffff81004000 B _end\n";

}  // namespace

TEST_CASE("the sections of an image have no gaps") {
  CHECK(sections_of(kImage) ==
        std::vector<std::string>{".text ffffffff81000000-ffffffff81001800",
                                 ".other ffffffff81001800-ffffffff81002000",
                                 ".rodata ffffffff81002000-ffffffff81003000",
                                 ".other ffffffff81003000-ffffffff81004000"});
}

TEST_CASE("per-CPU variables that are linked at 0 have their section, too") {
  const std::string per_cpu =
      "0000000000000000 D __per_cpu_start\n0000000000034000 D __per_cpu_end\n";
  const auto sections = must(image_sections(table(per_cpu + kImage)));
  CHECK(sections.size() == 5);
  CHECK(sections[0].name == ".data..percpu");
  CHECK(section_at(sections, 0x2c980) == 0);
  CHECK(section_at(sections, 0x40000) == -1);
  CHECK(section_at(sections, 0xffffffff81001900) == 2);
  CHECK(section_at(sections, 0xffffffff81004000) == 4);  // _end
  CHECK(section_at(sections, 0xffffffff81004001) == -1);
}

TEST_CASE("symbols that cannot delimit an image are refused or ignored") {
  CHECK(image_sections(table("ffffffff81000000 T _text\n")).error().code ==
        ErrorCode::kNotApplicable);
  CHECK(image_sections(table("0000000000000000 T _text\nffffffff81000000 B _end\n")).error().code ==
        ErrorCode::kBadInput);
  // Outside the image, and larger than any.
  CHECK(sections_of("0000000000000000 D __per_cpu_start\nffffffff80000000 D __per_cpu_end\n"
                    "ffffffff81000000 T _text\nffffffff81001000 B _end\n") ==
        std::vector<std::string>{".other ffffffff81000000-ffffffff81001000"});
}

TEST_CASE("numbers are written as LEB128") {
  const auto unsigned_bytes = [](uint64_t value) {
    LittleEndianWriter out;
    out.uleb(value);
    return out.take();
  };
  const auto signed_bytes = [](int64_t value) {
    LittleEndianWriter out;
    out.sleb(value);
    return out.take();
  };
  // The examples of DWARF 4, section 7.6.
  CHECK(unsigned_bytes(2) == "\x02");
  CHECK(unsigned_bytes(127) == "\x7f");
  CHECK(unsigned_bytes(128) == std::string("\x80\x01", 2));
  CHECK(unsigned_bytes(12857) == "\xb9\x64");
  CHECK(signed_bytes(2) == "\x02");
  CHECK(signed_bytes(-2) == "\x7e");
  CHECK(signed_bytes(127) == std::string("\xff\x00", 2));
  CHECK(signed_bytes(-127) == std::string("\x81\x7f", 2));
  CHECK(signed_bytes(128) == std::string("\x80\x01", 2));
  CHECK(signed_bytes(-129) == std::string("\xff\x7e", 2));
}

}  // namespace ktape::test
