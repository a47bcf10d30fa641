// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_merge.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/schema/trace/page_builder.h"
#include "tests/schema/trace/page_list.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

using Texts = std::vector<std::string>;
using Page = std::vector<std::byte>;

EventMerge::Stream stream(uint32_t cpu, std::vector<Page> pages) {
  return {CpuId(cpu), std::make_unique<PageList>(std::move(pages))};
}

EventMerge merge_of(std::vector<EventMerge::Stream> streams) {
  return EventMerge(std::move(streams));
}

template <typename... Streams>
EventMerge merge(Streams... streams) {
  std::vector<EventMerge::Stream> all;
  (all.push_back(std::move(streams)), ...);
  return merge_of(std::move(all));
}

// "TIME CPU" of each event, and each error.
Texts all_of(EventMerge merged) {
  Texts found;
  for (;;) {
    const auto more = merged.next();
    if (!more.ok()) {
      found.push_back(more.error().message);
    } else if (*more) {
      found.push_back(std::to_string(merged.event().time_ns) + " " +
                      std::to_string(merged.cpu().value));
    } else {
      CHECK(!must(merged.next()));
      return found;
    }
  }
}

Page page(uint64_t first, uint32_t count, uint32_t delta) {
  PageBuilder builder(first);
  for (uint32_t i = 0; i < count; ++i) builder.event(i == 0 ? 0 : delta, "data");
  return builder.finish();
}

TEST_CASE("The events of all CPUs come in order of time") {
  CHECK(all_of(merge(stream(0, {page(1, 2, 5), page(20, 1, 0)}), stream(1, {page(3, 3, 4)}))) ==
        Texts{"1 0", "3 1", "6 0", "7 1", "11 1", "20 0"});
}

TEST_CASE("Of equal times the lower CPU's event is first") {
  CHECK(all_of(merge(stream(2, {page(5, 1, 0)}), stream(0, {page(5, 2, 0)}),
                     stream(1, {page(5, 1, 0)}))) == Texts{"5 0", "5 0", "5 1", "5 2"});
}

TEST_CASE("Nothing is merged of nothing") {
  CHECK(all_of(merge()).empty());
  CHECK(all_of(merge(stream(0, {}), stream(1, {page(0, 0, 0), page(0, 0, 0)}))).empty());
}

TEST_CASE("Empty sub-buffers between others are skipped, and counted") {
  EventMerge merged = merge(stream(0, {page(1, 1, 0), page(0, 0, 0), page(2, 1, 0)}));
  REQUIRE(must(merged.next()));
  CHECK(merged.page() == 1);
  REQUIRE(must(merged.next()));
  CHECK(merged.page() == 3);
}

TEST_CASE("Many CPUs are merged") {
  std::vector<EventMerge::Stream> streams;
  constexpr uint32_t kCpus = 64, kEvents = 100;
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    streams.push_back(stream(cpu, {page(cpu * 7 % 31, kEvents, 1 + cpu % 5)}));
  }
  EventMerge merged = merge_of(std::move(streams));
  std::pair<uint64_t, uint32_t> last = {0, 0};
  uint32_t events = 0;
  bool in_order = true;
  for (; must(merged.next()); ++events) {
    const std::pair<uint64_t, uint32_t> now = {merged.event().time_ns, merged.cpu().value};
    in_order = in_order && last <= now;
    last = now;
  }
  CHECK(in_order);
  CHECK(events == kCpus * kEvents);
}

TEST_CASE("A CPU whose clock goes back keeps its order") {
  CHECK(all_of(merge(stream(0, {page(10, 1, 0), page(4, 1, 0)}), stream(1, {page(6, 1, 0)}))) ==
        Texts{"6 1", "10 0", "4 0"});
}

TEST_CASE("One sub-buffer of each CPU is held at a time") {
  auto pages = std::make_unique<PageList>(std::vector<Page>{page(1, 3, 1), page(9, 1, 0)});
  const PageList& list = *pages;
  EventMerge merged = merge(EventMerge::Stream{CpuId(0), std::move(pages)});
  for (int i = 0; i < 3; ++i) REQUIRE(must(merged.next()));
  CHECK(list.taken() == 1);
  REQUIRE(must(merged.next()));
  CHECK(list.taken() == 2);
}

TEST_CASE("What was read in the guest is left out") {
  // Two events of eight bytes.
  auto pages = std::make_unique<PageList>(std::vector<Page>{page(1, 3, 1), page(9, 1, 0)}, 16);
  CHECK(all_of(merge(EventMerge::Stream{CpuId(0), std::move(pages)})) == Texts{"3 0", "9 0"});
}

TEST_CASE("A damaged sub-buffer ends its CPU's stream and no other") {
  const Page torn = PageBuilder(2).event(0, "data").header(30, 0).finish();
  CHECK(
      all_of(merge(stream(0, {page(1, 1, 0), torn, page(8, 1, 0)}), stream(1, {page(3, 2, 3)}))) ==
      Texts{"1 0", "2 0",
            "CPU 0, sub-buffer 2: the event at byte 24 of a sub-buffer is cut off in its header",
            "3 1", "6 1"});
  CHECK(all_of(merge(stream(4, {Page(3)}), stream(1, {page(3, 1, 0)}))) ==
        Texts{"CPU 4, sub-buffer 1: not a sub-buffer of a trace ring: it has 3 bytes", "3 1"});
}

TEST_CASE("An error of what reads the sub-buffers comes out as it is") {
  class Broken final : public RingPages {
    Result<std::optional<SubBuffer>> next() override {
      return Error{ErrorCode::kBadInput, "broken", ""};
    }
  };
  CHECK(all_of(merge(EventMerge::Stream{CpuId(0), std::make_unique<Broken>()},
                     stream(1, {page(3, 1, 0)}))) == Texts{"broken", "3 1"});
}

}  // namespace
}  // namespace ktape::test
