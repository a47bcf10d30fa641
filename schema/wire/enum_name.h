// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/schema.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ktape {

// An enumerant's name as the schema spells it, e.g. "notEvaluated"; its number when a later schema
// named it.
template <typename Enum>
[[nodiscard]] std::string enum_name(Enum value) {
  // Looked up once: the way to a name in the schema is longer than that of a record to its tables.
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (auto enumerant : capnp::Schema::from<Enum>().getEnumerants())
      all.emplace_back(enumerant.getProto().getName().cStr());
    return all;
  }();
  auto ordinal = static_cast<uint16_t>(value);
  return ordinal < names.size() ? names[ordinal] : std::to_string(ordinal);
}

}  // namespace ktape
