// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "schema/base/result.h"
#include "schema/tape/database.h"

namespace ktape {

// The version of a tape's format, 1 to kFormatVersion; kBadInput for another.
[[nodiscard]] Result<int32_t> format_of(const Database& database);

// The tables, and nothing but the tables, that a tape of its format has: else kBadInput, naming the
// first that differs.
[[nodiscard]] Result<void> check_tables(const Database& database);

// The tables of records, blobs and pages as a tape has them, and beside them nothing but tables and
// their indexes, of whatever columns: what a build of ktape made while the format was still open.
// Else kBadInput.
[[nodiscard]] Result<void> check_record_tables(const Database& database);

}  // namespace ktape
