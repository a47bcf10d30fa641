// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schema/base/result.h"
#include "schema/journal/database.h"

namespace ktape {

// The tables, and nothing but the tables, that a tape has: else kBadInput, naming the first that differs.
[[nodiscard]] Result<void> check_tables(const Database& database);

}  // namespace ktape
