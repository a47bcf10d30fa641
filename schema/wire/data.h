// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/blob.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace ktape {

// Kernel and guest text is Data in the schema: bytes that need not be UTF-8. All of these are
// views: they live as long as what they were given.

[[nodiscard]] inline capnp::Data::Reader as_data(std::string_view text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

[[nodiscard]] inline capnp::Data::Reader as_data(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

[[nodiscard]] inline std::string_view as_text(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

}  // namespace ktape
