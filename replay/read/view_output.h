// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/read/view.h"
#include "replay/tape/freeze.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

// What `ktape read` prints of a view. All of it ends with a newline.

// The views with their descriptions.
[[nodiscard]] std::string views_text();

// A table, and below it what is missing. "?" is a cell that could not be read, "-" one that is
// empty.
[[nodiscard]] std::string view_text(const ViewTable& table);
// One line.
[[nodiscard]] std::string view_json(const ViewTable& table, const Freeze& freeze,
                                    const Verification& found);
// A row for each of the table; the last column says what is missing. The header is the same for
// every freeze.
[[nodiscard]] std::string view_csv_header(const ViewTable& table);
[[nodiscard]] std::string view_csv(const ViewTable& table, const Freeze& freeze);

}  // namespace ktape
