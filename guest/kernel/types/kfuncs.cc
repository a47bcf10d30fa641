// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/kfuncs.h"

#include <algorithm>
#include <cctype>

#include "guest/kernel/types/btf_table.h"

namespace ktape {

namespace {

constexpr std::string_view kImplicitType = "bpf_prog_aux";
constexpr std::string_view kTwin = "_impl";
// Of a parameter's pointer: a few suffice, and damaged BTF may have a loop of them.
constexpr int kMaxQualifiers = 8;

bool is_sched_exts(std::string_view name) {
  return name.starts_with("scx_bpf_") || name.starts_with("__scx_bpf_") ||
         name.starts_with("bpf_iter_scx_");
}

BtfType without_qualifiers(const BtfTable& table, uint32_t id) {
  BtfType type = table.type(id);
  for (int i = 0; i < kMaxQualifiers; ++i) {
    const bool qualifier = type.kind == BtfKind::kConst || type.kind == BtfKind::kVolatile ||
                           type.kind == BtfKind::kTypedef || type.kind == BtfKind::kTypeTag;
    if (!qualifier) break;
    type = table.type(type.target);
  }
  return type;
}

bool shows_aux(const BtfTable& table, const BtfType& function) {
  const BtfType prototype = table.type(function.target);
  if (prototype.kind != BtfKind::kFunctionProto || prototype.count == 0) return false;
  // KF_IMPLICIT_ARGS puts the argument last.
  const BtfParameter last = table.parameter(prototype, prototype.count - 1);
  const BtfType pointer = without_qualifiers(table, last.type);
  if (pointer.kind != BtfKind::kPointer) return false;
  const BtfType target = without_qualifiers(table, pointer.target);
  return target.kind == BtfKind::kStruct && table.text(target.name) == kImplicitType;
}

bool is_of_a_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Whole words, because one kfunc's name may begin another's.
bool has_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_of_a_word(text[at - 1])) &&
        (end == text.size() || !is_of_a_word(text[end])))
      return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> kfuncs_with_shown_aux(std::span<const std::byte> btf) {
  std::vector<std::string> names;
  const Result<BtfTable> table = BtfTable::parse(btf);
  if (!table.ok()) return names;
  for (uint32_t id = 1; id < table->size(); ++id) {
    const BtfType function = table->type(id);
    if (function.kind != BtfKind::kFunction) continue;
    const std::string_view name = table->text(function.name);
    if (is_sched_exts(name) && !name.ends_with(kTwin) && shows_aux(*table, function))
      names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string kfunc_named_in(std::string_view text, const std::vector<std::string>& kfuncs) {
  const auto named = std::find_if(kfuncs.begin(), kfuncs.end(),
                                  [&](const std::string& kfunc) { return has_word(text, kfunc); });
  return named == kfuncs.end() ? "" : *named;
}

}  // namespace ktape
