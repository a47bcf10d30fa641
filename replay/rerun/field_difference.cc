// SPDX-License-Identifier: Apache-2.0
#include "replay/rerun/field_difference.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/text/json_lines.h"
#include "replay/text/record_text.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// A field as it is shown to people.
std::string shown(capnp::DynamicStruct::Reader record, capnp::StructSchema::Field field) {
  const capnp::DynamicValue::Reader value = record.get(field);
  const std::string_view name = field.getProto().getName().cStr();
  switch (value.getType()) {
    case capnp::DynamicValue::UINT:
      if (name.ends_with("Address")) return fmt::format("{:#x}", value.as<uint64_t>());
      return fmt::format("{}", value.as<uint64_t>());
    case capnp::DynamicValue::TEXT: return in_quotes(chars(value.as<capnp::Text>()));
    case capnp::DynamicValue::DATA: return in_quotes(chars(value.as<capnp::Data>()));
    case capnp::DynamicValue::STRUCT: {
      const auto part = value.as<capnp::DynamicStruct>();
      if (part.getSchema() == capnp::Schema::from<schema::Value>())
        return shown_value(part.as<schema::Value>());
      return printable(json_text(part));
    }
    default: return printable(json_field(record, field));
  }
}

// The text around the first place where two texts differ.
std::string around(const std::string& text, size_t place) {
  constexpr size_t kBefore = 16;
  constexpr size_t kShown = 64;
  const size_t begin = place > kBefore ? place - kBefore : 0;
  const std::string part = text.substr(std::min(begin, text.size()), kShown);
  return printable((begin > 0 ? "..." : "") + part + (begin + kShown < text.size() ? "..." : ""));
}

}  // namespace

std::vector<FieldDifference> differences(capnp::DynamicStruct::Reader recorded,
                                         capnp::DynamicStruct::Reader computed,
                                         std::initializer_list<std::string_view> except,
                                         unsigned first_fields) {
  std::vector<FieldDifference> found;
  for (const auto field : recorded.getSchema().getNonUnionFields()) {
    const std::string_view name = field.getProto().getName().cStr();
    if (std::ranges::find(except, name) != except.end()) continue;
    // Ordinals grow with the schema, so a field's ordinal says whether the first release had it.
    if (field.getProto().getOrdinal().getExplicit() >= first_fields &&
        !recorded.has(field, capnp::HasMode::NON_DEFAULT)) {
      continue;
    }
    // As JSON: exact, and the same for structs and lists of any depth.
    const std::string before = json_field(recorded, field);
    const std::string after = json_field(computed, field);
    if (before == after) continue;
    FieldDifference& difference = found.emplace_back();
    difference = {std::string(name), shown(recorded, field), shown(computed, field)};
    if (difference.recorded != difference.computed) continue;
    // The part that is shown is too short to tell.
    const auto place = std::ranges::mismatch(before, after).in1 - before.begin();
    difference.recorded = around(before, static_cast<size_t>(place));
    difference.computed = around(after, static_cast<size_t>(place));
  }
  return found;
}

}  // namespace ktape
