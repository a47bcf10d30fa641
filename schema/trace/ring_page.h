// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "schema/base/result.h"

namespace ktape {

// One event of a sub-buffer.
struct RingEvent {
  uint64_t time_ns = 0;             // on the ring's clock; CLOCK_MONOTONIC if that is `mono`
  std::span<const std::byte> data;  // the common header and the fields; part of the sub-buffer
  uint32_t offset_bytes = 0;        // of the event in the sub-buffer, with its header
};

// The events of one sub-buffer ("page") of a trace ring, as it lies in the memory of a 64-bit
// little-endian kernel. Its layout is that of kernel/trace/ring_buffer.c:
//
//   u64 time_stamp; u64 commit; data[]      commit: number of bytes of data that are complete
//   event: u32 type_len:5, time_delta:27; u32 array[]
//     1 to 28  4 * type_len bytes of data
//     0        array[0] counts itself and the bytes of data after it
//     29       no delta: the rest is empty; else a discarded event of array[0] more bytes
//     30       the time goes on by array[0] << 27 | time_delta
//     31       the time is array[0] << 27 | time_delta, without its upper five bits
//
// Nothing is copied: the bytes outlive the object and its events. Safe for untrusted bytes: a step
// never leaves the committed data and always goes forward.
class RingPage {
 public:
  // A sub-buffer of any size. The first `read_bytes` bytes of data (`buffer_page.read`) were
  // consumed in the guest: their events count for the time only. kBadInput says why the bytes are
  // not a sub-buffer.
  [[nodiscard]] static Result<RingPage> open(std::span<const std::byte> bytes,
                                             uint32_t read_bytes = 0);

  static constexpr uint32_t kHeaderBytes = 16;

  // The time of the sub-buffer's first event, without that event's delta.
  [[nodiscard]] uint64_t time_ns() const { return first_time_ns_; }
  [[nodiscard]] uint32_t committed_bytes() const { return end_ - kHeaderBytes; }
  // Events before this sub-buffer were overwritten. The kernel says so only in what it copies for a
  // reader, never in the ring itself.
  [[nodiscard]] bool missed_events() const { return missed_; }
  // How many; nothing if the kernel had no room for the number.
  [[nodiscard]] std::optional<uint64_t> missed_count() const { return missed_count_; }

  // Moves to the next event; false after the last. kBadInput names the offset in the sub-buffer and
  // the cause; nothing follows then.
  [[nodiscard]] Result<bool> next(RingEvent& event);

 private:
  RingPage(std::span<const std::byte> bytes, uint32_t end, uint32_t first)
      : bytes_(bytes), end_(end), first_(first) {}

  [[nodiscard]] uint32_t word(uint32_t offset) const;
  // The size of the event at `at_` with its header; may be more than what is left.
  [[nodiscard]] uint64_t event_bytes(uint32_t header) const;
  // Its effect on the time.
  [[nodiscard]] uint64_t time_at(uint32_t header) const;
  // Nothing follows; the error is about the event at `at_`.
  [[nodiscard]] Error bad(const std::string& cause);

  std::span<const std::byte> bytes_;
  uint32_t at_ = kHeaderBytes;
  uint32_t end_;    // of the committed data
  uint32_t first_;  // offset of the first event that nobody has consumed
  uint64_t first_time_ns_ = 0;
  uint64_t time_ns_ = 0;
  bool missed_ = false;
  std::optional<uint64_t> missed_count_;
};

}  // namespace ktape
