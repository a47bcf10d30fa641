// SPDX-License-Identifier: Apache-2.0
#include "replay/text/json_lines.h"

#include <capnp/dynamic.h>
#include <fmt/format.h>

#include <span>
#include <string_view>

#include "schema/base/digest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

void put_string(std::string& out, std::string_view text) { out += json_string(text); }

// Numbers of 64 bits are strings: most readers of JSON keep 53 of them.
void put_number(std::string& out, const std::string& digits, bool wide) {
  out += wide ? '"' + digits + '"' : digits;
}

std::string hex(std::string_view bytes) { return to_hex(as_bytes(bytes)); }

// Data fields that never are text, whatever bytes they happen to have.
bool is_binary(std::string_view field) {
  return field.ends_with("Digest") || field == "buildId" || field == "bytes" || field == "pages";
}

void put_value(std::string& out, const capnp::DynamicValue::Reader& value, capnp::Type type,
               std::string_view field);

void put_field(std::string& out, capnp::DynamicStruct::Reader record,
               capnp::StructSchema::Field field) {
  std::string_view name = field.getProto().getName().cStr();
  if (out.back() != '{') out += ',';
  put_string(out, name);
  out += ':';
  put_value(out, record.get(field), field.getType(), name);
}

// The fields of a struct and the active member of its union, without the braces.
void put_fields(std::string& out, capnp::DynamicStruct::Reader record) {
  for (auto field : record.getSchema().getNonUnionFields()) {
    if (record.has(field, capnp::HasMode::NON_NULL)) put_field(out, record, field);
  }
  KJ_IF_MAYBE (active, record.which()) {
    put_field(out, record, *active);
  }
}

void put_list(std::string& out, capnp::DynamicList::Reader list, std::string_view field) {
  out += '[';
  for (unsigned i = 0; i < list.size(); ++i) {
    if (i > 0) out += ',';
    put_value(out, list[i], list.getSchema().getElementType(), field);
  }
  out += ']';
}

void put_enum(std::string& out, capnp::DynamicEnum value) {
  KJ_IF_MAYBE (enumerant, value.getEnumerant()) {
    put_string(out, enumerant->getProto().getName().cStr());
  } else {
    out += fmt::format("{}", value.getRaw());
  }
}

void put_value(std::string& out, const capnp::DynamicValue::Reader& value, capnp::Type type,
               std::string_view field) {
  switch (value.getType()) {
    case capnp::DynamicValue::VOID: out += "null"; return;
    case capnp::DynamicValue::BOOL: out += value.as<bool>() ? "true" : "false"; return;
    case capnp::DynamicValue::INT:
      return put_number(out, std::to_string(value.as<int64_t>()), type.isInt64());
    case capnp::DynamicValue::UINT:
      return put_number(out, std::to_string(value.as<uint64_t>()), type.isUInt64());
    case capnp::DynamicValue::ENUM: return put_enum(out, value.as<capnp::DynamicEnum>());
    case capnp::DynamicValue::TEXT: return put_string(out, chars(value.as<capnp::Text>()));
    case capnp::DynamicValue::DATA: {
      auto data = value.as<capnp::Data>();
      if (!is_binary(field)) return put_string(out, chars(data));
      return put_string(out, hex(chars(data)));
    }
    case capnp::DynamicValue::LIST: return put_list(out, value.as<capnp::DynamicList>(), field);
    case capnp::DynamicValue::STRUCT:
      out += '{';
      put_fields(out, value.as<capnp::DynamicStruct>());
      out += '}';
      return;
    default:
      out += "null";
      return;  // the schema has no floats, pointers to anything, or capabilities
  }
}

}  // namespace

std::string json_text(capnp::DynamicStruct::Reader part) {
  std::string out = "{";
  put_fields(out, part);
  return out + "}";
}

std::string json_field(capnp::DynamicStruct::Reader part, capnp::StructSchema::Field field) {
  std::string out;
  put_value(out, part.get(field), field.getType(), field.getProto().getName().cStr());
  return out;
}

std::string json_line(const RecordView& view) {
  std::string out = "{";
  capnp::DynamicStruct::Reader record = view.record;
  if (!view.known) {
    return fmt::format(
        "{{\"seq\":\"{}\",\"hostNs\":\"{}\",\"guestNs\":\"{}\",\"kind\":\"unknown\",\"kindNumber\":"
        "{}}}\n",
        view.seq.value, view.record.getHostNs(), view.record.getGuestNs(), view.kind);
  }
  for (auto field : record.getSchema().getNonUnionFields()) put_field(out, record, field);
  KJ_IF_MAYBE (active, record.which()) {
    out += ",\"kind\":";
    put_string(out, active->getProto().getName().cStr());
    put_field(out, record, *active);
  }
  return out + "}\n";
}

}  // namespace ktape
