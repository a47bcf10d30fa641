// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/recording_memory.h"

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "guest/memory/flat_memory.h"
#include "schema/base/digest.h"
#include "tests/support/must.h"

namespace ktape {

using test::must;

namespace {

constexpr uint64_t kFrame = RecordingMemory::kFrameBytes;

class Recorded {
 public:
  Recorded() { memory.begin(ram); }

  void read(uint64_t address, size_t count) {
    std::vector<std::byte> out(count);
    must(memory.read(GuestPhysical(address), out));
  }
  void write(uint64_t address, std::string_view text) {
    must(memory.write(GuestPhysical(address), as_bytes(text)));
  }
  // What the machine does to its own memory between freezes.
  void guest_writes(uint64_t address, std::string_view text) {
    must(ram.write(GuestPhysical(address), as_bytes(text)));
  }
  std::vector<uint64_t> numbers() const {
    std::vector<uint64_t> numbers;
    for (const auto& frame : memory.frames()) numbers.push_back(frame.number);
    return numbers;
  }
  std::string copied(size_t index, size_t offset, size_t count) const {
    auto frame = memory.frames()[index].bytes.subspan(offset, count);
    return {reinterpret_cast<const char*>(frame.data()), frame.size()};
  }

  std::vector<std::byte> bytes = std::vector<std::byte>(8 * kFrame);
  FlatMemory ram{bytes, FlatMemory::kHighStart};
  RecordingMemory memory;
};

}  // namespace

TEST_CASE_METHOD(Recorded, "every frame that is read is recorded once, and no other") {
  read(3 * kFrame + 10, 4);
  read(3 * kFrame + 20, 4);
  read(kFrame - 2, 4);
  CHECK(numbers() == std::vector<uint64_t>{0, 1, 3});
}

TEST_CASE_METHOD(Recorded, "a frame that is written is recorded as it was before the first write") {
  guest_writes(kFrame, "before");
  write(kFrame, "after1");
  write(kFrame, "after2");
  read(kFrame, 6);
  REQUIRE(numbers() == std::vector<uint64_t>{1});
  CHECK(copied(0, 0, 6) == "before");
  std::array<std::byte, 6> now{};
  must(ram.read(GuestPhysical(kFrame), now));
  CHECK(std::ranges::equal(now, as_bytes("after2")));
}

TEST_CASE_METHOD(Recorded, "a write across frames records both before either is written") {
  guest_writes(2 * kFrame - 2, "abcd");
  write(2 * kFrame - 2, "wxyz");
  REQUIRE(numbers() == std::vector<uint64_t>{1, 2});
  CHECK(copied(0, kFrame - 2, 2) == "ab");
  CHECK(copied(1, 0, 2) == "cd");
}

TEST_CASE_METHOD(Recorded, "what cannot be read or written is an error and is not recorded") {
  std::array<std::byte, 8> out{};
  CHECK(memory.read(GuestPhysical(8 * kFrame), out).error().code == ErrorCode::kOutOfRange);
  CHECK(memory.write(GuestPhysical(8 * kFrame), out).error().code == ErrorCode::kOutOfRange);
  CHECK(numbers().empty());
}

TEST_CASE_METHOD(Recorded, "the part of a range that is RAM is recorded") {
  auto recorded = memory.record(GuestPhysical(7 * kFrame), 3 * kFrame);
  REQUIRE_FALSE(recorded.ok());
  CHECK(recorded.error().code == ErrorCode::kOutOfRange);
  CHECK(numbers() == std::vector<uint64_t>{7});
}

TEST_CASE_METHOD(
    Recorded,
    "a new freeze begins with nothing, and knows what changed since a frame's last freeze") {
  guest_writes(kFrame, "same");
  guest_writes(2 * kFrame, "old");
  read(kFrame, 1);
  read(2 * kFrame, 1);
  for (const auto& frame : memory.frames()) CHECK(frame.changed);
  const size_t slot = memory.frames()[0].slot;

  guest_writes(2 * kFrame, "new");
  memory.begin(ram);
  CHECK(memory.recorded() == 0);
  read(kFrame, 1);
  read(2 * kFrame, 1);
  read(5 * kFrame, 1);
  auto frames = memory.frames();
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].slot == slot);
  CHECK_FALSE(frames[0].changed);
  CHECK(frames[1].changed);
  CHECK(copied(1, 0, 3) == "new");
  CHECK(frames[2].changed);
}

TEST_CASE_METHOD(Recorded, "a write in a freeze counts as a change in the next one") {
  read(kFrame, 1);
  write(kFrame, "x");
  memory.begin(ram);
  read(kFrame, 1);
  CHECK(memory.frames()[0].changed);
  CHECK(copied(0, 0, 1) == "x");
}

TEST_CASE_METHOD(Recorded,
                 "recorded frames can be read after the machine has changed, and no others") {
  std::vector<std::byte> out(8);
  memory.begin(ram);
  must(ram.write(GuestPhysical(kFrame - 4), as_bytes("beforehand")));
  must(memory.read(GuestPhysical(kFrame - 4), out));
  must(ram.write(GuestPhysical(kFrame - 4), as_bytes("afterwards")));
  const RecordedFrames recorded(memory);
  must(recorded.read(GuestPhysical(kFrame - 4), out));
  CHECK(std::ranges::equal(out, as_bytes("beforeha")));
  CHECK(must(recorded.populated()).size() == 1);
  CHECK(must(recorded.populated())[0].bytes == 2 * kFrame);
  const auto missing = recorded.read(GuestPhysical(2 * kFrame - 4), out);
  CHECK(missing.error().code == ErrorCode::kNotApplicable);
}

TEST_CASE("frames above the PCI hole are recorded by their guest-physical number") {
  std::vector<std::byte> bytes(2 * kFrame);
  FlatMemory ram(bytes, kFrame);
  RecordingMemory memory;
  memory.begin(ram);
  std::array<std::byte, 1> out{};
  must(memory.read(GuestPhysical(FlatMemory::kHighStart), out));
  REQUIRE(memory.frames().size() == 1);
  CHECK(memory.frames()[0].number == FlatMemory::kHighStart / kFrame);
}

}  // namespace ktape
