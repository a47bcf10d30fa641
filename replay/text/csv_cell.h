// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace ktape {

// The cell of a CSV file (RFC 4180): NULL is empty, an empty text is "". Text with a comma, a quote
// or a line end is quoted.
[[nodiscard]] std::string csv_cell(const std::optional<std::string>& cell);

}  // namespace ktape
