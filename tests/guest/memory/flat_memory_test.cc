// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/flat_memory.h"

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "schema/base/digest.h"

namespace ktape {
namespace {

constexpr uint64_t kLow = 0x3000;

struct Ram {
  std::vector<std::byte> bytes = std::vector<std::byte>(0x5000);
  FlatMemory memory{bytes, kLow};
};

std::string read_text(const GuestMemory& memory, uint64_t address, size_t size) {
  std::string text(size, '?');
  auto out = std::as_writable_bytes(std::span(text.data(), text.size()));
  return memory.read(GuestPhysical(address), out).ok() ? text : "error";
}

bool readable(const GuestMemory& memory, uint64_t address, size_t size) {
  std::vector<std::byte> out(size);
  return memory.read(GuestPhysical(address), out).ok();
}

}  // namespace

TEST_CASE("memory below the hole is at its own offset") {
  Ram ram;
  REQUIRE(ram.memory.write(GuestPhysical(0x1ffd), as_bytes("across")).ok());
  CHECK(read_text(ram.memory, 0x1ffd, 6) == "across");
  CHECK(ram.bytes[0x1ffd] == std::byte{'a'});
}

TEST_CASE("memory above the hole begins at 4 GiB") {
  Ram ram;
  REQUIRE(ram.memory.write(GuestPhysical(FlatMemory::kHighStart + 8), as_bytes("high")).ok());
  CHECK(ram.bytes[kLow + 8] == std::byte{'h'});
  CHECK(read_text(ram.memory, FlatMemory::kHighStart + 8, 4) == "high");
}

TEST_CASE("the hole, its edges and what lies beyond RAM cannot be read") {
  Ram ram;
  CHECK(readable(ram.memory, kLow - 8, 8));
  CHECK_FALSE(readable(ram.memory, kLow - 4, 8));
  CHECK_FALSE(readable(ram.memory, kLow, 1));
  CHECK_FALSE(readable(ram.memory, FlatMemory::kHighStart - 4, 8));
  CHECK(readable(ram.memory, FlatMemory::kHighStart + 0x1ff8, 8));
  CHECK_FALSE(readable(ram.memory, FlatMemory::kHighStart + 0x1ff9, 8));
  CHECK_FALSE(readable(ram.memory, UINT64_MAX - 3, 8));
}

TEST_CASE("a write that does not fit writes nothing") {
  Ram ram;
  auto written = ram.memory.write(GuestPhysical(kLow - 2), as_bytes("abcd"));
  REQUIRE_FALSE(written.ok());
  CHECK(written.error().code == ErrorCode::kOutOfRange);
  CHECK(ram.bytes[kLow - 2] == std::byte{0});
}

TEST_CASE("values of every width read as written, aligned or not") {
  Ram ram;
  REQUIRE(ram.memory.write(GuestPhysical(0x100), as_bytes("0123456789abcdef")).ok());
  for (size_t width : {1, 2, 4, 8, 3, 16})
    CHECK(read_text(ram.memory, 0x100, width) == std::string("0123456789abcdef", width));
  CHECK(read_text(ram.memory, 0x101, 8) == "12345678");
}

TEST_CASE("without a hint all RAM is populated, in two ranges") {
  Ram ram;
  auto ranges = ram.memory.populated();
  REQUIRE(ranges.ok());
  REQUIRE(ranges->size() == 2);
  CHECK((*ranges)[0].bytes == kLow);
  CHECK((*ranges)[1].start.value == FlatMemory::kHighStart);
  CHECK((*ranges)[1].bytes == 0x2000);
}

TEST_CASE("a data extent across the hole becomes two physical ranges") {
  Ram ram;
  FlatMemory memory(ram.bytes, kLow, [] {
    return std::vector<FlatMemory::Extent>{{0x1000, 0x1000}, {0x2800, 0x1000}};
  });
  auto ranges = memory.populated();
  REQUIRE(ranges.ok());
  REQUIRE(ranges->size() == 3);
  CHECK((*ranges)[1].start.value == 0x2800);
  CHECK((*ranges)[1].bytes == 0x800);
  CHECK((*ranges)[2].start.value == FlatMemory::kHighStart);
  CHECK((*ranges)[2].bytes == 0x800);
}

TEST_CASE("a low part larger than RAM means no high part") {
  std::vector<std::byte> bytes(0x1000);
  FlatMemory memory(bytes, uint64_t{2} << 30);
  CHECK(readable(memory, 0xff8, 8));
  CHECK_FALSE(readable(memory, FlatMemory::kHighStart, 1));
}

}  // namespace ktape
