// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/dynamic.h>

#include <algorithm>

namespace ktape::fuzz {

// Reads every field of a message, of long lists the beginning. Throws kj::Exception where a field is bad.
inline void read_everything(const capnp::DynamicValue::Reader& value) {
  constexpr uint kElements = 32;
  switch (value.getType()) {
    case capnp::DynamicValue::STRUCT: {
      const auto part = value.as<capnp::DynamicStruct>();
      KJ_IF_MAYBE (chosen, part.which()) {
        read_everything(part.get(*chosen));
      }
      for (const auto field : part.getSchema().getNonUnionFields()) read_everything(part.get(field));
      return;
    }
    case capnp::DynamicValue::LIST: {
      const auto list = value.as<capnp::DynamicList>();
      for (uint i = 0; i < std::min(list.size(), kElements); ++i) read_everything(list[i]);
      return;
    }
    default: return;
  }
}

}  // namespace ktape::fuzz
