// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// The targets of `ktape read --batch`: one in each line; empty lines and lines that begin with '#'
// are skipped.
class TargetLines {
 public:
  static constexpr size_t kMaxBytes = size_t{64} << 10;
  static constexpr size_t kMaxTargets = 65536;  // that all() keeps

  // The stream outlives it.
  explicit TargetLines(std::istream& from) : from_(from) {}

  // Nothing at the end; kUsage for a line that is too long.
  [[nodiscard]] Result<std::optional<std::string>> next();
  // Those that are left; kUsage also if there are too many.
  [[nodiscard]] Result<std::vector<std::string>> all();

 private:
  // False at the end.
  [[nodiscard]] Result<bool> line(std::string& to);

  std::istream& from_;
  size_t number_ = 0;
};

}  // namespace ktape
