// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/tape/reading/table_reader.h"

namespace ktape {

// A decimal number of at most 64 bits in hex, "0x1f"; nothing for any other text.
[[nodiscard]] std::optional<std::string> hex_of_decimal(const std::optional<std::string>& cell);

// A projection table as CSV: a line of names, then a line for each row. Columns with values of the
// kernel, which may use all 64 bits, are there twice: NAME in decimal, and NAME_hex, which no
// reader takes for a number and rounds.
[[nodiscard]] Result<void> csv_table(const TableReader& tape, const std::string& table,
                                     const std::function<Result<void>(std::string_view)>& write);

}  // namespace ktape
