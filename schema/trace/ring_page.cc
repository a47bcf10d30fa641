// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/ring_page.h"

#include <cstring>
#include <limits>

#include "schema/base/little_endian.h"

namespace ktape {

namespace {

constexpr uint32_t kWordBytes = 4;
constexpr uint32_t kTypeBits = 5;
constexpr uint32_t kTypeMask = (1u << kTypeBits) - 1;
constexpr uint32_t kDeltaBits = 27;

// enum ring_buffer_type of include/linux/ring_buffer.h; below are the lengths of small data.
constexpr uint32_t kLongData = 0;
constexpr uint32_t kPadding = 29;
constexpr uint32_t kTimeExtend = 30;
constexpr uint32_t kTimeStamp = 31;

// RB_MISSED_EVENTS and RB_MISSED_STORED of kernel/trace/ring_buffer.c, in `commit`.
constexpr uint64_t kMissedEvents = 1ull << 31;
constexpr uint64_t kMissedStored = 1ull << 30;

// A stamp has 59 bits; the others are those of the time before it (rb_fix_abs_ts()).
constexpr uint64_t kStampBits = 59;
constexpr uint64_t kAboveStamp = ~0ull << kStampBits;

uint64_t whole_stamp(uint64_t stamp, uint64_t before) {
  if ((before & kAboveStamp) == 0) return stamp;
  stamp |= before & kAboveStamp;
  return stamp < before ? stamp + (1ull << kStampBits) : stamp;
}

Error no_page(const std::string& why) {
  return Error{ErrorCode::kBadInput, "not a sub-buffer of a trace ring: " + why, ""};
}

}  // namespace

Result<RingPage> RingPage::open(std::span<const std::byte> bytes, uint32_t read_bytes) {
  if (bytes.size() < kHeaderBytes || bytes.size() > std::numeric_limits<uint32_t>::max())
    return no_page("it has " + std::to_string(bytes.size()) + " bytes");
  const uint64_t room = bytes.size() - kHeaderBytes;
  const uint64_t commit = *load<uint64_t>(bytes, 8);
  const uint64_t committed = commit & ~(kMissedEvents | kMissedStored);
  if (committed > room) {
    return no_page("it claims " + std::to_string(committed) + " bytes of data, and has room for " +
                   std::to_string(room));
  }
  if (read_bytes > committed) {
    return no_page(std::to_string(read_bytes) + " bytes of its data were read, of " +
                   std::to_string(committed));
  }
  RingPage page(bytes, kHeaderBytes + static_cast<uint32_t>(committed), kHeaderBytes + read_bytes);
  page.first_time_ns_ = page.time_ns_ = *load<uint64_t>(bytes, 0);
  page.missed_ = (commit & kMissedEvents) != 0;
  if ((commit & kMissedStored) != 0) page.missed_count_ = load<uint64_t>(bytes, page.end_);
  return page;
}

Result<bool> RingPage::next(RingEvent& event) {
  while (at_ < end_) {
    const uint32_t left = end_ - at_;
    if (left < kWordBytes) return bad("is cut off in its header");
    const uint32_t header = word(at_);
    const uint32_t type = header & kTypeMask;
    const bool small = type != kLongData && type < kPadding;
    if (type == kPadding && header >> kTypeBits == 0) break;
    if (!small && left < 2 * kWordBytes) return bad("is cut off in its header");

    const uint64_t bytes = small ? kWordBytes * (1 + type) : event_bytes(header);
    if (bytes % kWordBytes != 0 || (!small && bytes < 2 * kWordBytes))
      return bad("has " + std::to_string(bytes) + " bytes, which is not the size of an event");
    if (bytes > left) {
      return bad("has " + std::to_string(bytes) + " bytes, beyond the end of the data at byte " +
                 std::to_string(end_));
    }
    const uint32_t start = at_;
    time_ns_ = type < kPadding ? time_ns_ + (header >> kTypeBits) : time_at(header);
    at_ += static_cast<uint32_t>(bytes);
    if (type >= kPadding || start < first_) continue;
    const uint32_t data = start + (small ? kWordBytes : 2 * kWordBytes);
    event = {time_ns_, bytes_.subspan(data, at_ - data), start};
    return true;
  }
  at_ = end_;
  return false;
}

uint32_t RingPage::word(uint32_t offset) const {
  uint32_t value;
  std::memcpy(&value, bytes_.data() + offset, sizeof(value));
  return value;
}

uint64_t RingPage::event_bytes(uint32_t header) const {
  const uint32_t type = header & kTypeMask;
  if (type == kTimeExtend || type == kTimeStamp) return 2 * kWordBytes;
  return uint64_t{kWordBytes} + word(at_ + kWordBytes);
}

uint64_t RingPage::time_at(uint32_t header) const {
  const uint32_t delta = header >> kTypeBits;
  // A discarded event without a delta was given one of 1 (rb_event_discard()).
  if ((header & kTypeMask) == kPadding) return delta == 1 ? time_ns_ : time_ns_ + delta;
  const uint64_t stamp = (uint64_t{word(at_ + kWordBytes)} << kDeltaBits) + delta;
  if ((header & kTypeMask) == kTimeStamp) return whole_stamp(stamp, time_ns_);
  return time_ns_ + stamp;
}

Error RingPage::bad(const std::string& cause) {
  const uint32_t offset = at_;
  at_ = end_;
  return Error{ErrorCode::kBadInput,
               "the event at byte " + std::to_string(offset) + " of a sub-buffer " + cause, ""};
}

}  // namespace ktape
