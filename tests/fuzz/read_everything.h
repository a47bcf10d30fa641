// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/dynamic.h>

#include <algorithm>

namespace ktape::fuzz {

// Reads the fields of a message; only the beginning of long lists. Throws kj::Exception for a bad
// field.
class EverythingReader {
 public:
  void read(const capnp::DynamicValue::Reader& value) {
    // Pointers may lead to one place many times: what was read a thousand times need not be read
    // again.
    if (left_ == 0) return;
    --left_;
    switch (value.getType()) {
      case capnp::DynamicValue::STRUCT: return read_struct(value.as<capnp::DynamicStruct>());
      case capnp::DynamicValue::LIST: return read_list(value.as<capnp::DynamicList>());
      default: return;
    }
  }

 private:
  void read_struct(const capnp::DynamicStruct::Reader& part) {
    KJ_IF_MAYBE (chosen, part.which()) {
      read(part.get(*chosen));
    }
    for (const auto field : part.getSchema().getNonUnionFields()) read(part.get(field));
  }

  void read_list(const capnp::DynamicList::Reader& list) {
    constexpr uint kElements = 32;
    for (uint i = 0; i < std::min(list.size(), kElements); ++i) read(list[i]);
  }

  size_t left_ = 1000;  // values
};

inline void read_everything(const capnp::DynamicValue::Reader& value) {
  EverythingReader().read(value);
}

}  // namespace ktape::fuzz
