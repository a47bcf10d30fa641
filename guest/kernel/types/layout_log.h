// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guest/kernel/types/btf.h"
#include "schema/base/result.h"

namespace ktape {

// The layout of a field that an op or a gate used.
struct UsedLayout {
  std::string type;
  std::string path;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  std::string encoding;
};

// Logs field lookups, each once: only the first kMaxSeen, because the caller may be hostile. What
// it logs becomes LayoutUsed on the tape, from which a diff between kernels names the field that
// moved.
class LayoutLog {
 public:
  static constexpr size_t kMaxSeen = 16384;

  explicit LayoutLog(const Btf& btf) : btf_(&btf) {}

  // As Btf::field.
  [[nodiscard]] Result<FieldInfo> field(std::string_view type, std::string_view path);
  // The first of `paths` that this kernel has; nothing if it has none.
  [[nodiscard]] std::optional<FieldInfo> first_of(std::string_view type,
                                                  std::initializer_list<std::string_view> paths);
  void note(std::string_view type, std::string_view path, const FieldInfo& field);
  void note(UsedLayout layout);
  // Adds what `other` has logged since it was last taken from, and empties it there.
  void take_over(LayoutLog& other);
  // What was logged since the last call.
  [[nodiscard]] std::vector<UsedLayout> take() { return std::exchange(fresh_, {}); }

 private:
  const Btf* btf_;
  std::set<std::pair<std::string, std::string>> seen_;
  std::vector<UsedLayout> fresh_;
};

}  // namespace ktape
