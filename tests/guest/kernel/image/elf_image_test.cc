// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/elf_image.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>

#include "schema/base/digest.h"
#include "tests/support/kernel/synthetic_kernel.h"

namespace ktape {
namespace {

using Bytes = std::vector<std::byte>;
using Catch::Matchers::ContainsSubstring;
using synthetic::append_u32;
using synthetic::bytes_of;

constexpr uint64_t kText = 0xffffffff81000000;
constexpr uint64_t kData = 0xffffffff82000000;

void append_note(Bytes& notes, std::string_view name, uint32_t type, std::string_view content) {
  append_u32(notes, name.size());
  append_u32(notes, content.size());
  append_u32(notes, type);
  for (std::string_view part : {name, content}) {
    Bytes bytes = bytes_of(part);
    bytes.resize((bytes.size() + 3) / 4 * 4);
    notes.insert(notes.end(), bytes.begin(), bytes.end());
  }
}

std::string banner_in(std::string_view rodata) {
  Bytes file = synthetic::make_elf({{".rodata", kText, bytes_of(rodata)}});
  auto elf = ElfImage::parse(file);
  REQUIRE(elf.ok());
  return elf->banner();
}

std::string error_of(const Bytes& file) {
  auto elf = ElfImage::parse(file);
  REQUIRE_FALSE(elf.ok());
  CHECK(elf.error().code == ErrorCode::kBadInput);
  return elf.error().message;
}

}  // namespace

TEST_CASE("sections are found by name and their bytes by address") {
  Bytes file = synthetic::make_elf(
      {{".text", kText, bytes_of("code")}, {".data", kData, bytes_of("0123456789")}});
  auto elf = ElfImage::parse(file);
  REQUIRE(elf.ok());
  REQUIRE(elf->section(".data"));
  CHECK(elf->section(".data")->address == kData);
  CHECK(elf->section(".nope") == nullptr);
  auto bytes = elf->at(kData + 4, 3);
  REQUIRE(bytes);
  CHECK(std::ranges::equal(*bytes, bytes_of("456")));
}

TEST_CASE("bytes that no section covers completely are not found") {
  Bytes file = synthetic::make_elf({{".text", kText, bytes_of("code")}});
  auto elf = ElfImage::parse(file);
  REQUIRE(elf.ok());
  CHECK(elf->at(kText, 4));
  CHECK_FALSE(elf->at(kText + 1, 4));
  CHECK_FALSE(elf->at(kText - 1, 1));
  CHECK_FALSE(elf->at(UINT64_MAX, 8));
  CHECK_FALSE(elf->at(0, 1));
}

TEST_CASE("the build id is found among other notes") {
  Bytes notes;
  append_note(notes, std::string_view("Xen\0", 4), 3, "xxxxx");
  append_note(notes, std::string_view("GNU\0", 4), 5, "property");
  append_note(notes, std::string_view("GNU\0", 4), 3, "identifier");
  Bytes file = synthetic::make_elf({{".notes", kText, notes}});
  auto elf = ElfImage::parse(file);
  REQUIRE(elf.ok());
  CHECK(elf->build_id() == bytes_of("identifier"));
}

TEST_CASE("notes that are cut short or lie about their size have no build id") {
  Bytes whole;
  append_note(whole, std::string_view("GNU\0", 4), 3, "identifier");
  for (size_t size = 0; size + 2 < whole.size(); ++size) {
    Bytes file = synthetic::make_elf(
        {{".notes", kText, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))}});
    CHECK(ElfImage::parse(file).value().build_id().empty());
  }
  Bytes huge(12, std::byte{0xff});
  CHECK(ElfImage::parse(synthetic::make_elf({{".notes", kText, huge}})).value().build_id().empty());
}

TEST_CASE("the banner is the line with a build number, not its weak twin or the format string") {
  std::string twin("Linux version 6.1 (x) # SMP\n\0", 29);
  std::string real("Linux version 6.1 (x) #1 SMP\n\0", 30);
  CHECK(banner_in("%s version %s\n" + twin + "Linux version %s" + real) ==
        "Linux version 6.1 (x) #1 SMP");
  CHECK(banner_in(twin) == "Linux version 6.1 (x) # SMP");
  CHECK(banner_in("nothing").empty());
}

TEST_CASE("a file that is not an x86-64 ELF file is named") {
  Bytes file = synthetic::make_elf({});
  CHECK_THAT(error_of(bytes_of("text")), ContainsSubstring("not an ELF file"));
  CHECK_THAT(error_of(bytes_of("\x7f"
                               "ELF")),
             ContainsSubstring("cut short"));
  Bytes big_endian = file;
  big_endian[5] = std::byte{2};
  CHECK_THAT(error_of(big_endian), ContainsSubstring("big-endian"));
  CHECK_THAT(error_of(synthetic::make_elf({}, 3)), ContainsSubstring("i386"));
}

TEST_CASE("a damaged or truncated ELF file is refused or stays within its bytes") {
  Bytes whole = synthetic::make_elf({{".text", kText, Bytes(300)}, {".notes", kData, Bytes(40)}});
  size_t refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    Bytes damaged = whole;
    damaged[at] = ~damaged[at];
    auto elf = ElfImage::parse(damaged);
    if (!elf.ok()) {
      ++refused;
      continue;
    }
    for (const ElfSection& section : elf->sections()) CHECK(section.bytes.size() <= damaged.size());
    CHECK(elf->build_id().empty());
  }
  CHECK(refused > 0);
  for (size_t size = 0; size < whole.size(); ++size)
    error_of(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
}

}  // namespace ktape
