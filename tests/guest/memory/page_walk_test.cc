// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/page_walk.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/kernel/synthetic_kernel.h"

namespace ktape {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr uint64_t kRoot = 0x1000;
constexpr uint64_t kNoExecute = uint64_t{1} << 63;

struct Guest {
  explicit Guest(int levels)
      : tables{GuestPhysical(kRoot), levels}, builder(memory, tables, 0x2000) {}

  std::vector<std::byte> ram = std::vector<std::byte>(1 << 20);
  FlatMemory memory{ram, 1 << 20};
  PageTables tables;
  synthetic::PageTableBuilder builder;
};

std::string error_of(const Guest& guest, uint64_t address) {
  auto mapping = walk(guest.memory, guest.tables, GuestVirtual(address));
  REQUIRE_FALSE(mapping.ok());
  CHECK(mapping.error().code == ErrorCode::kOutOfRange);
  return mapping.error().message;
}

void check_mapping(const Guest& guest, uint64_t address, uint64_t physical, uint64_t contiguous) {
  auto mapping = walk(guest.memory, guest.tables, GuestVirtual(address));
  REQUIRE(mapping.ok());
  CHECK(mapping->address.value == physical);
  CHECK(mapping->contiguous_bytes == contiguous);
}

}  // namespace

TEST_CASE("a 4 KiB page is found through four levels") {
  Guest guest(4);
  guest.builder.map(0xffffffff81234000, 0x77000, 1);
  check_mapping(guest, 0xffffffff81234abc, 0x77abc, 0x1000 - 0xabc);
}

TEST_CASE("a 2 MiB page ends the walk one level early") {
  Guest guest(4);
  guest.builder.map(0xffffffff81200000, 0x40000000, 2);
  check_mapping(guest, 0xffffffff81234abc, 0x40034abc, 0x200000 - 0x34abc);
}

TEST_CASE("a 1 GiB page ends the walk two levels early") {
  Guest guest(4);
  guest.builder.map(0xffff888040000000, 0x140000000, 3);
  check_mapping(guest, 0xffff88807fffffff, 0x17fffffff, 1);
}

TEST_CASE("five levels are walked where the kernel has five") {
  Guest guest(5);
  guest.builder.map(0xff11000000001000, 0x5000, 1);
  check_mapping(guest, 0xff11000000001008, 0x5008, 0x1000 - 8);
}

TEST_CASE(
    "no-execute, protection keys and the PAT bit of a large page are not part of the address") {
  Guest guest(4);
  uint64_t pat = 1 << 12;
  guest.builder.map(0xffffffff81200000, 0x400000, 2, kNoExecute | uint64_t{0x7ff} << 52 | pat);
  check_mapping(guest, 0xffffffff81200000, 0x400000, 0x200000);
}

TEST_CASE("an entry that is not present is named with its level and the address") {
  Guest guest(4);
  guest.builder.map(0xffffffff81234000, 0x77000, 1);
  CHECK_THAT(error_of(guest, 0xffffffff81235000),
             ContainsSubstring("level 1") && ContainsSubstring("0xffffffff81235000"));
  CHECK_THAT(error_of(guest, 0xffffffff81434000), ContainsSubstring("level 2"));
  CHECK_THAT(error_of(guest, 0xffffffffc1434000), ContainsSubstring("level 3"));
  CHECK_THAT(error_of(guest, 0xffff888000000000), ContainsSubstring("level 4"));
}

TEST_CASE("an address that is not canonical is refused") {
  Guest guest(4);
  CHECK_THAT(error_of(guest, 0x800000000000), ContainsSubstring("not canonical"));
  CHECK_THAT(error_of(guest, 0xff11000000000000), ContainsSubstring("not canonical"));
}

TEST_CASE("a table outside RAM is an error that names it") {
  Guest guest(4);
  uint64_t entry = 0x7f000000 | 1;
  REQUIRE(
      guest.memory.write(GuestPhysical(kRoot + 511 * 8), std::as_bytes(std::span(&entry, 1))).ok());
  CHECK_THAT(error_of(guest, 0xffffffff81000000),
             ContainsSubstring("level 3 table at guest-physical 0x7f000000"));
}

TEST_CASE("a table that refers to itself ends at the last level") {
  Guest guest(4);
  uint64_t entry = kRoot | 1;
  REQUIRE(
      guest.memory.write(GuestPhysical(kRoot + 511 * 8), std::as_bytes(std::span(&entry, 1))).ok());
  check_mapping(guest, 0xfffffffffffff008, kRoot + 8, 0x1000 - 8);
}

}  // namespace ktape
