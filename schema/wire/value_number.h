// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "schema/op.capnp.h"

namespace ktape {

// The number of a value of 1, 2, 4 or 8 bytes; nothing if it is not a number.
[[nodiscard]] inline std::optional<uint64_t> number_of(schema::Value::Reader value) {
  switch (value.which()) {
    case schema::Value::U8: return value.getU8();
    case schema::Value::U16: return value.getU16();
    case schema::Value::U32: return value.getU32();
    case schema::Value::U64: return value.getU64();
    default: return std::nullopt;
  }
}

}  // namespace ktape
