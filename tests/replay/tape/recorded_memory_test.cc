// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/recorded_memory.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <map>

#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr uint64_t kPage = RecordedMemory::kPageBytes;

// Pages by hash, and the rows that name them.
struct Kept {
  std::map<Digest, std::vector<std::byte>> pages;
  std::vector<FreezePage> rows;
  size_t loads = 0;

  void page(uint64_t frame, uint8_t fill) {
    std::vector<std::byte> content(kPage, std::byte{fill});
    const Digest hash = sha256(content);
    pages.emplace(hash, std::move(content));
    rows.push_back({1, frame, 1, hash});
  }
  void zeroes(uint64_t frame, uint64_t frames) { rows.push_back({1, frame, frames, std::nullopt}); }

  Result<RecordedMemory> make() {
    return RecordedMemory::make(rows, [this](const Digest& hash) -> Result<std::vector<std::byte>> {
      ++loads;
      return pages.at(hash);
    });
  }
};

uint64_t word(const GuestMemory& memory, uint64_t address) {
  uint64_t value = 0xdead;
  must(memory.read(GuestPhysical(address), std::as_writable_bytes(std::span(&value, 1))));
  return value;
}

Error failure(const GuestMemory& memory, uint64_t address, size_t bytes = 8) {
  std::vector<std::byte> out(bytes);
  const auto read = memory.read(GuestPhysical(address), out);
  REQUIRE_FALSE(read.ok());
  return read.error();
}

std::string refusal(Kept& kept) {
  const auto memory = kept.make();
  REQUIRE_FALSE(memory.ok());
  CHECK(memory.error().code == ErrorCode::kBadInput);
  return memory.error().message;
}

}  // namespace

TEST_CASE("a page that was kept reads as itself, and a frame known to be zero as zeroes") {
  Kept kept;
  kept.page(2, 0x11);
  kept.zeroes(3, 5);
  const RecordedMemory memory = must(kept.make());
  CHECK(word(memory, 2 * kPage + 16) == 0x1111111111111111);
  CHECK(word(memory, 3 * kPage) == 0);
  CHECK(word(memory, 8 * kPage - 8) == 0);
  CHECK(memory.pages() == 1);
  CHECK_FALSE(memory.take_missing());
}

TEST_CASE("a frame that was not captured is reported with its address, never read as zero") {
  Kept kept;
  kept.page(2, 0x11);
  kept.zeroes(4, 2);
  const RecordedMemory memory = must(kept.make());
  const Error error = failure(memory, 3 * kPage + 8);
  CHECK(error.code == ErrorCode::kNotApplicable);
  CHECK(error.message == "guest-physical 0x3000: not captured");
  CHECK(failure(memory, 6 * kPage).code == ErrorCode::kNotApplicable);
  CHECK(failure(memory, 0).code == ErrorCode::kNotApplicable);
  CHECK(memory.take_missing() == GuestPhysical(3 * kPage));
  CHECK_FALSE(memory.take_missing());
}

TEST_CASE("a read crosses pages of every kind, and fails completely if one was not captured") {
  Kept kept;
  kept.page(2, 0x11);
  kept.zeroes(3, 1);
  kept.page(4, 0x22);
  const RecordedMemory memory = must(kept.make());
  CHECK(word(memory, 3 * kPage - 4) == 0x11111111);
  CHECK(word(memory, 4 * kPage - 4) == 0x2222222200000000);
  CHECK(failure(memory, 5 * kPage - 4).message == "guest-physical 0x5000: not captured");
  std::vector<std::byte> all(3 * kPage);
  CHECK(memory.read(GuestPhysical(2 * kPage), all).ok());
  CHECK(all.back() == std::byte{0x22});
}

TEST_CASE("later reads see writes, and the recorded pages are not changed") {
  Kept kept;
  kept.page(2, 0x11);
  kept.zeroes(3, 1);
  RecordedMemory memory = must(kept.make());
  const std::vector<std::byte> bytes(8, std::byte{0x33});
  must(memory.write(GuestPhysical(3 * kPage - 4), bytes));
  CHECK(word(memory, 3 * kPage - 8) == 0x3333333311111111);
  CHECK(word(memory, 3 * kPage) == 0x33333333);
  CHECK(word(must(kept.make()), 3 * kPage - 8) == 0x1111111111111111);
}

TEST_CASE("a write that ends in a page that was not captured writes nothing") {
  Kept kept;
  kept.page(2, 0x11);
  RecordedMemory memory = must(kept.make());
  const std::vector<std::byte> bytes(8, std::byte{0x33});
  const auto written = memory.write(GuestPhysical(3 * kPage - 4), bytes);
  REQUIRE_FALSE(written.ok());
  CHECK(written.error().code == ErrorCode::kNotApplicable);
  CHECK(word(memory, 3 * kPage - 8) == 0x1111111111111111);
}

TEST_CASE("the populated ranges are the pages that were kept or written, neighbours merged") {
  Kept kept;
  kept.page(2, 0x11);
  kept.page(3, 0x22);
  kept.zeroes(4, 10);
  kept.page(20, 0x33);
  RecordedMemory memory = must(kept.make());
  const std::vector<std::byte> bytes(1, std::byte{1});
  must(memory.write(GuestPhysical(3 * kPage), bytes));
  must(memory.write(GuestPhysical(4 * kPage), bytes));
  const auto ranges = must(memory.populated());
  REQUIRE(ranges.size() == 2);
  CHECK(ranges[0].start == GuestPhysical(2 * kPage));
  CHECK(ranges[0].bytes == 3 * kPage);
  CHECK(ranges[1].start == GuestPhysical(20 * kPage));
}

TEST_CASE("a page is loaded when it is first read, and no more than a bounded number is kept") {
  Kept kept;
  for (uint64_t frame = 0; frame <= RecordedMemory::kCachedPages; ++frame) {
    std::vector<std::byte> content(kPage);
    std::memcpy(content.data(), &frame, sizeof frame);
    const Digest hash = sha256(content);
    kept.pages.emplace(hash, std::move(content));
    kept.rows.push_back({1, frame, 1, hash});
  }
  const RecordedMemory memory = must(kept.make());
  CHECK(kept.loads == 0);
  CHECK(word(memory, 0) == 0);
  CHECK(word(memory, 0) == 0);
  CHECK(kept.loads == 1);
  for (uint64_t frame = 0; frame <= RecordedMemory::kCachedPages; ++frame)
    CHECK(word(memory, frame * kPage) == frame);
  CHECK(kept.loads == RecordedMemory::kCachedPages + 1);
}

TEST_CASE("rows that overlap or lie beyond physical memory are refused") {
  Kept overlap;
  overlap.zeroes(2, 5);
  overlap.page(6, 1);
  CHECK(refusal(overlap).find("overlaps the row before it") != std::string::npos);
  Kept beyond;
  beyond.zeroes(uint64_t{1} << 39, ~uint64_t{0});
  CHECK(refusal(beyond).find("beyond the physical address space") != std::string::npos);
}

TEST_CASE("a page of the wrong size is refused") {
  const Digest hash{};
  const RecordedMemory memory = must(RecordedMemory::make(
      {{1, 7, 1, hash}},
      [](const Digest&) -> Result<std::vector<std::byte>> { return std::vector<std::byte>(100); }));
  CHECK(memory.intact().ok());
  CHECK(failure(memory, 7 * kPage).message == "the page of frame 0x7 has 100 bytes");
  CHECK_FALSE(memory.intact().ok());
  CHECK_FALSE(memory.take_missing());
}

}  // namespace ktape::test
