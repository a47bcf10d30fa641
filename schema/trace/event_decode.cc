// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_decode.h"

#include <string>

#include "schema/base/little_endian.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr uint32_t kLocBits = 16;
constexpr uint32_t kLocMask = (1u << kLocBits) - 1;

Error bad(const TraceEvent& event, const EventField& field, const std::string& why) {
  return Error{ErrorCode::kBadInput,
               "event " + in_quotes(event.name()) + ", field " + in_quotes(field.name) + ": " + why,
               ""};
}

struct Extent {
  uint32_t offset, bytes;
};

// Where a dynamic array is, from its location.
Extent located(const EventField& field, uint32_t location) {
  uint32_t offset = location & kLocMask;
  if (field.place == FieldPlace::kRelLoc) offset += field.offset_bytes + field.size_bytes;
  return {offset, location >> kLocBits};
}

template <typename Unsigned, typename Signed>
uint64_t widened(std::span<const std::byte> bytes, bool is_signed) {
  const Unsigned value = *load<Unsigned>(bytes, 0);
  return is_signed ? static_cast<uint64_t>(int64_t{static_cast<Signed>(value)}) : value;
}

}  // namespace

Result<void> EventFormats::add(std::string_view text) {
  KTAPE_ASSIGN(EventFormat format, EventFormat::parse(text));
  if (const EventFormat* other = find(format.id)) {
    return Error{ErrorCode::kBadInput,
                 "events " + in_quotes(other->name) + " and " + in_quotes(format.name) +
                     " have the same id, " + std::to_string(format.id),
                 ""};
  }
  const uint16_t id = format.id;
  if (id >= by_id_.size()) by_id_.resize(size_t{id} + 1);
  formats_.push_back(std::move(format));
  by_id_[id] = &formats_.back();
  return {};
}

const EventFormat* EventFormats::find(std::string_view name) const {
  for (const EventFormat& format : formats_) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

Result<TraceEvent> decode_event(const EventFormats& formats, CpuId cpu, const RingEvent& event) {
  const auto id = load<uint16_t>(event.data, 0);
  const EventFormat* format = id ? formats.find(*id) : nullptr;
  const auto pid = load<int32_t>(event.data, format ? format->pid_offset_bytes : kPidOffsetBytes);
  if (!id || !pid) {
    return Error{ErrorCode::kBadInput,
                 "the event at byte " + std::to_string(event.offset_bytes) +
                     " of a sub-buffer has " + std::to_string(event.data.size()) +
                     " bytes, too few for the header of all events",
                 ""};
  }
  return TraceEvent{event.time_ns, cpu, *id, format, Pid(*pid), event.data};
}

Result<std::span<const std::byte>> field_bytes(const TraceEvent& event, const EventField& field) {
  const uint64_t size = event.data.size();
  if (uint64_t{field.offset_bytes} + field.size_bytes > size)
    return bad(event, field, "the event ends before it, after " + std::to_string(size) + " bytes");
  const auto fixed = event.data.subspan(field.offset_bytes, field.size_bytes);
  if (field.place == FieldPlace::kFixed) return fixed;
  if (field.place == FieldPlace::kRest) return event.data.subspan(field.offset_bytes);
  const Extent array = located(field, *load<uint32_t>(fixed, 0));
  const uint64_t end = uint64_t{array.offset} + array.bytes;
  if (end > size) {
    return bad(event, field,
               "bytes " + std::to_string(array.offset) + " to " + std::to_string(end) +
                   " are not in an event of " + std::to_string(size));
  }
  return event.data.subspan(array.offset, array.bytes);
}

Result<uint64_t> field_integer(const TraceEvent& event, const EventField& field) {
  if (field.kind != FieldKind::kInteger) return bad(event, field, "it is no integer");
  KTAPE_ASSIGN(const auto bytes, field_bytes(event, field));
  switch (bytes.size()) {
    case 1: return widened<uint8_t, int8_t>(bytes, field.is_signed);
    case 2: return widened<uint16_t, int16_t>(bytes, field.is_signed);
    case 4: return widened<uint32_t, int32_t>(bytes, field.is_signed);
    case 8: return *load<uint64_t>(bytes, 0);
    default: return bad(event, field, "it is no integer");
  }
}

Result<std::string_view> field_text(const TraceEvent& event, const EventField& field) {
  if (field.kind != FieldKind::kText) return bad(event, field, "it is no text");
  KTAPE_ASSIGN(const auto bytes, field_bytes(event, field));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.substr(0, text.find('\0'));
}

Result<FieldValue> field_value(const TraceEvent& event, const EventField& field) {
  if (field.kind == FieldKind::kText) {
    KTAPE_ASSIGN(const std::string_view text, field_text(event, field));
    return FieldValue(text);
  }
  if (field.kind == FieldKind::kBytes) {
    KTAPE_ASSIGN(const auto bytes, field_bytes(event, field));
    return FieldValue(bytes);
  }
  KTAPE_ASSIGN(const uint64_t integer, field_integer(event, field));
  if (field.is_signed) return FieldValue(static_cast<int64_t>(integer));
  return FieldValue(integer);
}

}  // namespace ktape
