// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/layout_log.h"

namespace ktape {

Result<FieldInfo> LayoutLog::field(std::string_view type, std::string_view path) {
  KTAPE_ASSIGN(FieldInfo found, btf_->field(type, path));
  note(type, path, found);
  return found;
}

std::optional<FieldInfo> LayoutLog::first_of(std::string_view type,
                                             std::initializer_list<std::string_view> paths) {
  for (std::string_view path : paths) {
    // has_field() does not search for the nearest name, which the error of a missing field would.
    if (!btf_->has_field(type, path)) continue;
    Result<FieldInfo> found = field(type, path);
    if (found.ok()) return std::move(*found);
  }
  return std::nullopt;
}

void LayoutLog::note(std::string_view type, std::string_view path, const FieldInfo& field) {
  note(UsedLayout{std::string(type), std::string(path), field.offset_bytes, field.type.size_bytes,
                  field.type.name});
}

void LayoutLog::take_over(LayoutLog& other) {
  for (UsedLayout& layout : other.take()) note(std::move(layout));
}

void LayoutLog::note(UsedLayout layout) {
  // A field that is not logged is still used: the log is for readers of the tape.
  if (seen_.size() >= kMaxSeen) return;
  if (seen_.emplace(layout.type, layout.path).second) fresh_.push_back(std::move(layout));
}

}  // namespace ktape
