// SPDX-License-Identifier: Apache-2.0
#include "replay/text/json_lines.h"

#include <capnp/dynamic.h>

#include <string_view>

#include "schema/base/digest.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// Most JSON readers keep 53 bits of a number, so wide numbers are strings.
template <typename Narrow>
void put_number(JsonWriter& out, auto number, bool wide) {
  if (wide) {
    out.value(std::to_string(number));
  } else {
    out.value(static_cast<Narrow>(number));
  }
}

// Data fields that are never text, whatever their bytes.
bool is_binary(std::string_view field) {
  return field.ends_with("Digest") || field == "buildId" || field == "bytes" || field == "pages";
}

void put_value(JsonWriter& out, const capnp::DynamicValue::Reader& value, capnp::Type type,
               std::string_view field);

void put_field(JsonWriter& out, capnp::DynamicStruct::Reader record,
               capnp::StructSchema::Field field) {
  const std::string_view name = field.getProto().getName().cStr();
  out.key(name);
  put_value(out, record.get(field), field.getType(), name);
}

// The fields of a struct and the active member of its union.
void put_struct(JsonWriter& out, capnp::DynamicStruct::Reader record) {
  out.object();
  for (auto field : record.getSchema().getNonUnionFields()) {
    // Not NON_DEFAULT: a number that is 0 was recorded, a pointer that is null was not.
    if (record.has(field, capnp::HasMode::NON_NULL)) put_field(out, record, field);
  }
  KJ_IF_MAYBE (active, record.which()) {
    put_field(out, record, *active);
  }
  out.end();
}

void put_list(JsonWriter& out, capnp::DynamicList::Reader list, std::string_view field) {
  out.list();
  for (unsigned i = 0; i < list.size(); ++i)
    put_value(out, list[i], list.getSchema().getElementType(), field);
  out.end();
}

void put_enum(JsonWriter& out, capnp::DynamicEnum value) {
  KJ_IF_MAYBE (enumerant, value.getEnumerant()) {
    out.value(enumerant->getProto().getName().cStr());
  } else {
    // A value that a newer recorder added has no name here.
    out.value(value.getRaw());
  }
}

void put_data(JsonWriter& out, capnp::Data::Reader data, std::string_view field) {
  if (is_binary(field)) {
    out.value(to_hex(as_bytes(chars(data))));
  } else {
    out.value(chars(data));
  }
}

void put_value(JsonWriter& out, const capnp::DynamicValue::Reader& value, capnp::Type type,
               std::string_view field) {
  switch (value.getType()) {
    case capnp::DynamicValue::BOOL: out.value(value.as<bool>()); return;
    case capnp::DynamicValue::INT:
      return put_number<int32_t>(out, value.as<int64_t>(), type.isInt64());
    case capnp::DynamicValue::UINT:
      return put_number<uint32_t>(out, value.as<uint64_t>(), type.isUInt64());
    case capnp::DynamicValue::ENUM: return put_enum(out, value.as<capnp::DynamicEnum>());
    case capnp::DynamicValue::TEXT: out.value(chars(value.as<capnp::Text>())); return;
    case capnp::DynamicValue::DATA: return put_data(out, value.as<capnp::Data>(), field);
    case capnp::DynamicValue::LIST: return put_list(out, value.as<capnp::DynamicList>(), field);
    case capnp::DynamicValue::STRUCT: return put_struct(out, value.as<capnp::DynamicStruct>());
    default:
      out.null();  // nothing, or a kind of value that the schema does not use: floats, capabilities
      return;
  }
}

}  // namespace

std::string json_text(capnp::DynamicStruct::Reader part) {
  JsonWriter out;
  put_struct(out, part);
  return out.take();
}

std::string json_field(capnp::DynamicStruct::Reader part, capnp::StructSchema::Field field) {
  JsonWriter out;
  put_value(out, part.get(field), field.getType(), field.getProto().getName().cStr());
  return out.take();
}

std::string json_line(const RecordView& view) {
  JsonWriter out;
  out.object().field("format", JsonFormat::kRecord);
  if (view.known) {
    const capnp::DynamicStruct::Reader record = view.record;
    for (auto field : record.getSchema().getNonUnionFields()) put_field(out, record, field);
    KJ_IF_MAYBE (active, record.which()) {
      out.field("kind", active->getProto().getName().cStr());
      put_field(out, record, *active);
    }
  } else {
    out.field("seq", JsonDigits{view.seq.value})
        .field("hostNs", JsonDigits{view.record.getHostNs()})
        .field("guestNs", JsonDigits{view.record.getGuestNs()})
        .field("kind", "unknown")
        .field("kindNumber", view.kind);
  }
  return out.end().newline().take();
}

}  // namespace ktape
