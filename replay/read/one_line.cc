// SPDX-License-Identifier: Apache-2.0
#include "replay/read/one_line.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace ktape {

namespace {

constexpr int kMaxWrappers = 8;

// "{\n  a = 1\n  b = 2\n}" as "{ a = 1; b = 2 }".
std::string joined(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    const bool opened = line.ends_with('{') || line.ends_with('[');
    const bool closes = part.starts_with('}') || part.starts_with(']');
    if (!line.empty()) line += opened || closes ? " " : "; ";
    line += part;
  }
  return line;
}

bool is_text(const Btf& types, const TypeInfo& type) {
  if (type.kind != TypeKind::kArray) return false;
  const Result<TypeInfo> element = types.type(type.target_id);
  return element.ok() && element->size_bytes == 1 && element->kind == TypeKind::kInteger;
}

}  // namespace

TypeInfo without_wrappers(const Btf& types, TypeInfo type) {
  for (int i = 0; i < kMaxWrappers && type.kind == TypeKind::kStruct; ++i) {
    const Result<std::vector<MemberInfo>> members = types.members(type.id);
    if (!members.ok() || members->size() != 1) break;
    const MemberInfo& only = members->front();
    Result<TypeInfo> inner = types.type(only.type_id);
    const bool is_all = inner.ok() && only.bits == 0 && only.bit_offset == 0 &&
                        inner->size_bytes == type.size_bytes;
    // A mask of CPUs is an array in a struct, and known by the struct's name.
    if (!is_all || inner->kind == TypeKind::kArray) break;
    type = std::move(inner).value();
  }
  return type;
}

std::string one_line(const Btf& types, const TypeInfo& type, std::span<const std::byte> bytes,
                     const ValueContext& context) {
  const TypeInfo shown = without_wrappers(types, type);
  std::string text = value_text(types, shown, bytes, context);
  if (is_text(types, shown) && text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    return text.substr(1, text.size() - 2);
  return joined(text);
}

}  // namespace ktape
