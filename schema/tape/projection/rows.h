// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kj/exception.h>

#include <vector>

#include "schema/tape/projection/projection.h"

namespace ktape {

// What the parts of `project` have in common.

using Rows = std::vector<Row>;

// Throws kj::Exception for more rows of a table than kMaxRowsOfARecord.
inline void bound_rows(uint64_t rows) {
  if (rows <= kMaxRowsOfARecord) return;
  kj::throwFatalException(
      kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                    kj::str("it has a list longer than any that a recorder writes")));
}

// The list; each of its elements becomes a row.
template <typename List>
List of_rows(List list) {
  bound_rows(list.size());
  return list;
}

}  // namespace ktape
