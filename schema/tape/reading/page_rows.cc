// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/page_rows.h"

#include <sqlite3.h>

#include <algorithm>

namespace ktape {

std::optional<Digest> digest_in(const Statement& row, int column) {
  auto bytes = row.bytes(column);
  Digest digest;
  if (row.type(column) != SQLITE_BLOB || bytes.size() != digest.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

Result<FreezePage> freeze_page_in(const Statement& row) {
  // NULL stands for zero pages; anything else must be a digest.
  bool fits = row.type(3) == SQLITE_NULL || digest_in(row, 3);
  for (int column : {0, 1, 2}) {
    fits = fits && row.type(column) == SQLITE_INTEGER && row.integer(column) >= 0;
  }
  if (!fits) {
    return Error{ErrorCode::kBadInput, "a row of freeze_page has a column of the wrong type", ""};
  }
  return FreezePage{static_cast<uint64_t>(row.integer(0)), static_cast<uint64_t>(row.integer(1)),
                    static_cast<uint64_t>(row.integer(2)), digest_in(row, 3)};
}

}  // namespace ktape
