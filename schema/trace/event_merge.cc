// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_merge.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace ktape {

namespace {

Error in_stream(CpuId cpu, uint64_t page, const Error& error) {
  return Error{error.code,
               "CPU " + std::to_string(cpu.value) + ", sub-buffer " + std::to_string(page) + ": " +
                   error.message,
               error.hint};
}

}  // namespace

EventMerge::EventMerge(std::vector<Stream> streams) {
  std::stable_sort(streams.begin(), streams.end(),
                   [](const Stream& a, const Stream& b) { return a.cpu < b.cpu; });
  for (Stream& stream : streams) streams_.push_back({std::move(stream), {}, {}, 0});
}

Result<bool> EventMerge::next() {
  while (begun_ < streams_.size()) KTAPE_TRY(begin(begun_++));
  if (taken_) {
    taken_ = false;
    KTAPE_TRY(go_on());
  }
  taken_ = !heap_.empty();
  return taken_;
}

Result<bool> EventMerge::advance(Open& stream) {
  for (;;) {
    if (stream.page) {
      const auto more = stream.page->next(stream.event);
      if (!more.ok()) return in_stream(stream.source.cpu, stream.pages, more.error());
      if (*more) return true;
    }
    KTAPE_ASSIGN(const bool page, next_page(stream));
    if (!page) return false;
  }
}

Result<bool> EventMerge::next_page(Open& stream) {
  KTAPE_ASSIGN(const auto next, stream.source.pages->next());
  if (!next) return false;
  ++stream.pages;
  auto page = RingPage::open(next->bytes, next->read_bytes);
  if (!page.ok()) return in_stream(stream.source.cpu, stream.pages, page.error());
  stream.page = *page;
  return true;
}

Result<void> EventMerge::begin(size_t stream) {
  KTAPE_ASSIGN(const bool more, advance(streams_[stream]));
  if (!more) return {};
  heap_.push_back({streams_[stream].event.time_ns, stream});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  return {};
}

Result<void> EventMerge::go_on() {
  Next& first = heap_.front();
  const auto more = advance(streams_[first.stream]);
  if (!more.ok() || !*more) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
    if (!more.ok()) return more.error();
    return {};
  }
  first.time_ns = streams_[first.stream].event.time_ns;
  sift_down();
  return {};
}

// Puts the first of the heap, whose time has grown, in its place.
void EventMerge::sift_down() {
  size_t at = 0;
  for (;;) {
    size_t least = at;
    for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); ++child) {
      if (heap_[child] < heap_[least]) least = child;
    }
    if (least == at) return;
    std::swap(heap_[at], heap_[least]);
    at = least;
  }
}

}  // namespace ktape
