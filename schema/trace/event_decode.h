// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/base/little_endian.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/trace/event_format.h"
#include "schema/trace/ring_page.h"

namespace ktape {

// The formats of a kernel's events, by id.
class EventFormats {
 public:
  EventFormats() = default;
  EventFormats(EventFormats&&) = default;
  EventFormats& operator=(EventFormats&&) = default;

  // kBadInput if it is no format, or its id has one already.
  [[nodiscard]] Result<void> add(std::string_view text);
  // Valid as long as the formats, also when more are added. nullptr: there is none.
  [[nodiscard]] const EventFormat* find(uint16_t id) const {
    return id < by_id_.size() ? by_id_[id] : nullptr;
  }
  [[nodiscard]] const EventFormat* find(std::string_view name) const;
  [[nodiscard]] const std::deque<EventFormat>& all() const { return formats_; }

 private:
  std::deque<EventFormat> formats_;
  std::vector<const EventFormat*> by_id_;
};

// An event, with its format. Its fields are read when they are asked for. Valid as long as the
// sub-buffer and the formats.
struct TraceEvent {
  uint64_t time_ns = 0;  // on the ring's clock
  CpuId cpu;
  uint16_t id = 0;
  const EventFormat* format = nullptr;  // nullptr: there is none of this id
  Pid pid;                              // common_pid: of the task that it happened in
  std::span<const std::byte> data;      // the common header and the fields

  // Empty: not known.
  [[nodiscard]] std::string_view name() const {
    return format == nullptr ? std::string_view() : std::string_view(format->name);
  }
};

// The error of an event that is too short for the common header.
[[nodiscard]] Error too_short(const RingEvent& event);

// kBadInput if the event is too short for the common header.
[[nodiscard]] inline Result<TraceEvent> decode_event(const EventFormats& formats, CpuId cpu,
                                                     const RingEvent& event) {
  const auto id = load<uint16_t>(event.data, 0);
  const EventFormat* format = id ? formats.find(*id) : nullptr;
  const auto pid = load<int32_t>(event.data, format ? format->pid_offset_bytes : kPidOffsetBytes);
  if (!id || !pid) return too_short(event);
  return TraceEvent{event.time_ns, cpu, *id, format, Pid(*pid), event.data};
}

// Fields of an event of the field's format. kBadInput, with event and field, if the bytes are not
// all in the event, or if the field is of another kind.
[[nodiscard]] Result<std::span<const std::byte>> field_bytes(const TraceEvent& event,
                                                             const EventField& field);
// As a number of 64 bits; a signed one is extended.
[[nodiscard]] Result<uint64_t> field_integer(const TraceEvent& event, const EventField& field);
// Up to its NUL.
[[nodiscard]] Result<std::string_view> field_text(const TraceEvent& event, const EventField& field);

using FieldValue = std::variant<int64_t, uint64_t, std::string_view, std::span<const std::byte>>;
// By the field's kind and sign.
[[nodiscard]] Result<FieldValue> field_value(const TraceEvent& event, const EventField& field);

}  // namespace ktape
