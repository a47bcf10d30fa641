// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_decode.h"

#include <string>

#include "schema/base/little_endian.h"
#include "schema/base/text.h"
#include "schema/trace/field_bytes.h"

namespace ktape {

namespace {

Error bad(const TraceEvent& event, const EventField& field, const std::string& why) {
  return Error{ErrorCode::kBadInput,
               "event " + in_quotes(event.name()) + ", field " + in_quotes(field.name) + ": " + why,
               ""};
}

// Why find() found nothing.
Error not_in_event(const TraceEvent& event, const EventField& field) {
  const uint64_t size = event.data.size();
  const auto location = load<uint32_t>(event.data, field.offset_bytes);
  if (field.place == FieldPlace::kFixed || field.place == FieldPlace::kRest || !location)
    return bad(event, field, "the event ends before it, after " + std::to_string(size) + " bytes");
  const field::Extent array = field::array_at(field, *location);
  return bad(event, field,
             "bytes " + std::to_string(array.offset) + " to " +
                 std::to_string(uint64_t{array.offset} + array.bytes) + " are not in an event of " +
                 std::to_string(size));
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

Error too_short(const RingEvent& event) {
  return Error{ErrorCode::kBadInput,
               "the event at byte " + std::to_string(event.offset_bytes) + " of a sub-buffer has " +
                   std::to_string(event.data.size()) +
                   " bytes, too few for the header of all events",
               ""};
}

Result<std::span<const std::byte>> field_bytes(const TraceEvent& event, const EventField& field) {
  const auto bytes = field::find(event.data, field);
  if (!bytes) return not_in_event(event, field);
  return *bytes;
}

Result<uint64_t> field_integer(const TraceEvent& event, const EventField& field) {
  if (field.kind != FieldKind::kInteger) return bad(event, field, "it is not an integer");
  KTAPE_ASSIGN(const auto bytes, field_bytes(event, field));
  return field::integer(bytes, field.is_signed);
}

Result<std::string_view> field_text(const TraceEvent& event, const EventField& field) {
  if (field.kind != FieldKind::kText) return bad(event, field, "it is not text");
  KTAPE_ASSIGN(const auto bytes, field_bytes(event, field));
  return field::text(bytes);
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
