// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/trace/ring_page.h"

namespace ktape {

struct SubBuffer {
  std::span<const std::byte> bytes;
  uint32_t read_bytes = 0;  // see RingPage::open()
};

// The sub-buffers of one CPU's ring, in the order in which they were written.
class RingPages {
 public:
  virtual ~RingPages() = default;
  // The next sub-buffer; nothing after the last. Valid until the next call.
  [[nodiscard]] virtual Result<std::optional<SubBuffer>> next() = 0;
};

// The events of several CPUs in order of time; of equal times, the lower CPU's first. Needs one
// sub-buffer of each CPU at a time; what each RingPages holds besides is its own affair.
//
// The events of one CPU come in the order in which they were written. If a clock went back on it,
// as clocks do that the kernel has not settled on yet, so do the times that come out.
class EventMerge {
 public:
  struct Stream {
    CpuId cpu;
    std::unique_ptr<RingPages> pages;
  };

  explicit EventMerge(std::vector<Stream> streams);

  // Moves to the next event; false after the last. An error of a stream's pages as it is; kBadInput
  // for a damaged sub-buffer, with its CPU and its number in the stream, from 1. The stream ends
  // there; the others go on with the next call.
  [[nodiscard]] Result<bool> next();

  // Valid until next(), after it returned true.
  [[nodiscard]] CpuId cpu() const { return current().source.cpu; }
  [[nodiscard]] const RingEvent& event() const { return current().event; }
  // Of the sub-buffer with this event, in its stream, from 1.
  [[nodiscard]] uint64_t page() const { return current().pages; }

 private:
  struct Open {
    Stream source;
    std::optional<RingPage> page;
    RingEvent event;
    uint64_t pages = 0;  // taken so far
  };
  // A stream and the time of its event, which is the next of its CPU.
  struct Next {
    uint64_t time_ns;
    size_t stream;
    friend auto operator<=>(const Next&, const Next&) = default;
  };

  [[nodiscard]] const Open& current() const { return streams_[heap_.front().stream]; }
  [[nodiscard]] Result<bool> advance(Open& stream);
  // Moves a stream to its next sub-buffer; false after the last.
  [[nodiscard]] Result<bool> next_page(Open& stream);
  [[nodiscard]] Result<void> begin(size_t stream);
  // Moves the first stream of the heap to its next event.
  [[nodiscard]] Result<void> go_on();
  void sift_down();

  std::vector<Open> streams_;  // by CPU
  std::vector<Next> heap_;     // the streams that have an event; the earliest is first
  size_t begun_ = 0;           // number of streams, from the first, that were asked for an event
  bool taken_ = false;         // the first of the heap is the current event
};

}  // namespace ktape
