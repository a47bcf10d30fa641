// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "schema/base/result.h"
#include "schema/tape/database.h"

namespace ktape {

// The version of a tape's format, 1 to kFormatVersion; kBadInput for any other.
[[nodiscard]] Result<int32_t> format_of(const Database& database);

// Whether the tape has exactly the tables of its format: else kBadInput, naming the first that
// differs.
[[nodiscard]] Result<void> check_tables(const Database& database);

// Whether the tape has the tables of records, blobs and pages, and besides them only tables and
// their indexes, with any columns: what a build of ktape made before the format was final. Else
// kBadInput.
[[nodiscard]] Result<void> check_record_tables(const Database& database);

}  // namespace ktape
