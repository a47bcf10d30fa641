// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "guest/kernel/types/btf.h"

namespace ktape {

// Type lookups for surveys: a type that the kernel does not have is no error.

// 0 if there is no such type.
[[nodiscard]] inline uint64_t size_of(const Btf& btf, std::string_view type) {
  const Result<TypeInfo> found = btf.type(type);
  return found.ok() ? found->size_bytes : 0;
}

[[nodiscard]] inline std::optional<FieldInfo> field_of(const Btf& btf, std::string_view type,
                                                       std::string_view path) {
  if (!btf.has_field(type, path)) return std::nullopt;
  const Result<FieldInfo> found = btf.field(type, path);
  return found.ok() ? std::optional(*found) : std::nullopt;
}

[[nodiscard]] inline std::optional<uint64_t> offset_of(const Btf& btf, std::string_view type,
                                                       std::string_view path) {
  const std::optional<FieldInfo> found = field_of(btf, type, path);
  return found ? std::optional(found->offset_bytes) : std::nullopt;
}

}  // namespace ktape
