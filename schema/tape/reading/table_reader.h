// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/tape/reading/tape_source.h"

namespace ktape {

// The projection tables of a tape, row by row, as stored. Verify a tape that may be altered first.
class TableReader {
 public:
  // kNotFound, or kBadInput for a file that is not a tape.
  [[nodiscard]] static Result<TableReader> open(const std::string& path);

  // The tables' names, in the order of the format.
  [[nodiscard]] const std::vector<std::string>& tables() const { return tables_; }
  // kNotFound for a table that does not exist.
  [[nodiscard]] Result<std::vector<std::string>> columns(const std::string& table) const;

  // Cells as text; nothing for NULL. In the order of the primary key. Stops at the first error of
  // `visit`.
  using Cells = std::vector<std::optional<std::string>>;
  [[nodiscard]] Result<void> for_each(const std::string& table,
                                      const std::function<Result<void>(const Cells&)>& visit) const;

 private:
  explicit TableReader(TapeSource source) : source_(std::move(source)) {}

  TapeSource source_;
  std::vector<std::string> tables_;
};

}  // namespace ktape
