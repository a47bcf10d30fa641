// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/schema.h>

#include <cstdint>
#include <string>

namespace ktape {

// An enumerant's name as the schema spells it, e.g. "notEvaluated"; its number when a later schema
// named it.
template <typename Enum>
[[nodiscard]] std::string enum_name(Enum value) {
  auto enumerants = capnp::Schema::from<Enum>().getEnumerants();
  auto ordinal = static_cast<uint16_t>(value);
  if (ordinal >= enumerants.size()) return std::to_string(ordinal);
  return enumerants[ordinal].getProto().getName().cStr();
}

}  // namespace ktape
