// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/ring_page.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/schema/trace/page_builder.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

constexpr uint64_t kMissed = 1ull << 31, kStored = 1ull << 30;

// "TIME DATA" of each event; the last is the error, if there is one.
std::vector<std::string> events_of(RingPage page) {
  std::vector<std::string> found;
  RingEvent event;
  for (;;) {
    const auto more = page.next(event);
    if (!more.ok()) {
      found.push_back(more.error().message);
      CHECK(more.error().code == ErrorCode::kBadInput);
      CHECK(!must(page.next(event)));
      return found;
    }
    if (!*more) return found;
    const std::string data(reinterpret_cast<const char*>(event.data.data()), event.data.size());
    found.push_back(std::to_string(event.time_ns) + " " + data);
  }
}

std::vector<std::string> events(const std::vector<std::byte>& bytes, uint32_t read_bytes = 0) {
  return events_of(must(RingPage::open(bytes, read_bytes)));
}

std::string refused(const std::vector<std::byte>& bytes, uint32_t read_bytes = 0) {
  const auto page = RingPage::open(bytes, read_bytes);
  REQUIRE(!page.ok());
  CHECK(page.error().code == ErrorCode::kBadInput);
  return page.error().message;
}

using Texts = std::vector<std::string>;

TEST_CASE("An empty sub-buffer has no events") {
  CHECK(events(PageBuilder().finish()).empty());
  CHECK(events(PageBuilder().finish(16)).empty());
}

TEST_CASE("Each event's delta is added to the time of the sub-buffer") {
  const auto page = PageBuilder(1000).event(0, "aaaa").event(7, "bbbbbbbb").event(1, "c").finish();
  CHECK(events(page) == Texts{"1000 aaaa", "1007 bbbbbbbb", std::string("1008 c\0\0\0", 9)});
  CHECK(must(RingPage::open(page)).time_ns() == 1000);
  CHECK(must(RingPage::open(page)).committed_bytes() == 28);
}

TEST_CASE("An event's data is part of the sub-buffer, and its offset that of its header") {
  const auto bytes = PageBuilder(1).event(0, "aaaa").long_event(0, "bbbb").finish();
  RingPage page = must(RingPage::open(bytes));
  RingEvent event;
  REQUIRE(must(page.next(event)));
  CHECK(event.offset_bytes == 16);
  CHECK(event.data.data() == bytes.data() + 20);
  REQUIRE(must(page.next(event)));
  CHECK(event.offset_bytes == 24);
  CHECK(event.data.data() == bytes.data() + 32);
  CHECK(event.data.size() == 4);
}

TEST_CASE("Data of more than 112 bytes has its length in a word") {
  const std::string data(400, 'x');
  CHECK(events(PageBuilder(5).long_event(2, data).event(1, "next").finish()) ==
        Texts{"7 " + data, "8 next"});
}

TEST_CASE("A time extension adds its 59 bits to the time") {
  const uint64_t far = (uint64_t{9} << 27) + 5;
  const auto page = PageBuilder(100).event(1, "aaaa").extend(far).event(2, "bbbb").finish();
  CHECK(events(page) == Texts{"101 aaaa", std::to_string(101 + far + 2) + " bbbb"});
}

TEST_CASE("An absolute stamp replaces the time") {
  const auto page = PageBuilder(100).stamp(uint64_t{3} << 40).event(2, "aaaa").finish();
  CHECK(events(page) == Texts{std::to_string((uint64_t{3} << 40) + 2) + " aaaa"});
}

TEST_CASE("A stamp takes its upper five bits from the time before it") {
  const uint64_t upper = uint64_t{2} << 59;
  CHECK(events(PageBuilder(upper + 10).stamp(20).event(0, "aaaa").finish()) ==
        Texts{std::to_string(upper + 20) + " aaaa"});
  // The lower 59 bits have wrapped since.
  CHECK(events(PageBuilder(upper + 30).stamp(20).event(0, "aaaa").finish()) ==
        Texts{std::to_string(upper + (uint64_t{1} << 59) + 20) + " aaaa"});
}

TEST_CASE("A discarded event is left out, and its delta counts") {
  CHECK(events(PageBuilder(10).discarded(5, "gone").event(1, "aaaa").finish()) == Texts{"16 aaaa"});
}

TEST_CASE("A discarded event with a delta of 1 had none") {
  CHECK(events(PageBuilder(10).discarded(1, "gone").event(1, "aaaa").finish()) == Texts{"11 aaaa"});
}

TEST_CASE("Padding without a delta ends the sub-buffer") {
  CHECK(events(PageBuilder(1).event(0, "aaaa").rest_is_empty().event(0, "bbbb").finish()) ==
        Texts{"1 aaaa"});
  CHECK(events(PageBuilder(1).event(0, "aaaa").header(29, 0).finish()) == Texts{"1 aaaa"});
}

TEST_CASE("What is behind the committed data is not an event") {
  PageBuilder page = PageBuilder(1).event(0, "aaaa");
  const size_t committed = page.bytes_of_data();
  CHECK(events(page.event(0, "bbbb").finish_with(committed)) == Texts{"1 aaaa"});
}

TEST_CASE("Events that were read in the guest count for the time only") {
  PageBuilder page = PageBuilder(1).event(3, "aaaa");
  const auto read = static_cast<uint32_t>(page.bytes_of_data());
  CHECK(events(page.event(4, "bbbb").finish(), read) == Texts{"8 bbbb"});
  CHECK(refused(page.finish(), 1000) ==
        "not a sub-buffer of a trace ring: 1000 bytes of its data were read, of 16");
}

TEST_CASE("A sub-buffer may have any size") {
  for (const size_t bytes : {size_t{28}, size_t{8192}, size_t{65536}, size_t{1} << 20}) {
    PageBuilder page(1);
    size_t expected = 0;
    for (; page.bytes_of_data() + 12 <= bytes - 16; ++expected) page.event(1, "aaaabbbb");
    CHECK(events(page.finish(bytes)).size() == expected);
  }
}

TEST_CASE("A reader's copy says that events before it were lost, and how many") {
  const PageBuilder builder = PageBuilder(1).event(0, "aaaa");
  const auto none = builder.finish();
  CHECK(!must(RingPage::open(none)).missed_events());
  const auto some = builder.finish(4096, kMissed);
  CHECK(must(RingPage::open(some)).missed_events());
  CHECK(!must(RingPage::open(some)).missed_count());
  const auto counted =
      builder.finish(4096, kMissed | kStored, std::string_view("\x2a\0\0\0\0\0\0\0", 8));
  CHECK(must(RingPage::open(counted)).missed_count() == 42);
  CHECK(events(counted) == Texts{"1 aaaa"});
  // It claims a number for which there is no room.
  CHECK(!must(RingPage::open(builder.finish(24, kMissed | kStored))).missed_count());
}

TEST_CASE("Bytes that are no sub-buffer are refused with the cause") {
  CHECK(refused(std::vector<std::byte>(15)) == "not a sub-buffer of a trace ring: it has 15 bytes");
  CHECK(refused(PageBuilder().finish_with(4081)) ==
        "not a sub-buffer of a trace ring: it claims 4081 bytes of data, and has room for 4080");
  CHECK(refused(PageBuilder().finish_with(uint64_t{1} << 32)) ==
        "not a sub-buffer of a trace ring: it claims 4294967296 bytes of data, and has room for "
        "4080");
  CHECK(must(RingPage::open(PageBuilder().finish_with(4080))).committed_bytes() == 4080);
}

TEST_CASE("An event beyond the committed data is an error with its offset") {
  PageBuilder page = PageBuilder(1).event(0, "aaaa");
  CHECK(events(page.event(0, "bbbbbbbb").finish_with(16)) ==
        Texts{"1 aaaa",
              "the event at byte 24 of a sub-buffer has 12 bytes, beyond the end of the data at "
              "byte 32"});
  CHECK(events(page.finish_with(10)) ==
        Texts{"1 aaaa", "the event at byte 24 of a sub-buffer is cut off in its header"});
}

TEST_CASE("A header of two words that is cut off is an error") {
  for (const uint32_t type : {0u, 29u, 30u, 31u}) {
    CHECK(events(PageBuilder(1).header(type, 9).finish()) ==
          Texts{"the event at byte 16 of a sub-buffer is cut off in its header"});
  }
}

TEST_CASE("Absurd lengths are errors") {
  for (const uint32_t type : {0u, 29u}) {
    CHECK(events(PageBuilder().header(type, 9).word(0xfffffffc).finish()) ==
          Texts{"the event at byte 16 of a sub-buffer has 4294967296 bytes, beyond the end of the "
                "data at byte 24"});
    CHECK(
        events(PageBuilder().header(type, 9).word(0).word(0).finish()) ==
        Texts{
            "the event at byte 16 of a sub-buffer has 4 bytes, which is not the size of an event"});
    CHECK(
        events(PageBuilder().header(type, 9).word(5).word(0).word(0).finish()) ==
        Texts{
            "the event at byte 16 of a sub-buffer has 9 bytes, which is not the size of an event"});
  }
}

TEST_CASE("A time beyond 64 bits wraps") {
  CHECK(events(PageBuilder(~uint64_t{0}).event(2, "aaaa").finish()) == Texts{"1 aaaa"});
}

}  // namespace
}  // namespace ktape::test
