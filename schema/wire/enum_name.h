// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/schema.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ktape {

// An enumerant's name as in the schema, e.g. "notEvaluated"; its number if only a later schema
// names it.
template <typename Enum>
[[nodiscard]] std::string enum_name(Enum value) {
  // Looked up once: finding a name in the schema takes longer than writing a record to its tables.
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
