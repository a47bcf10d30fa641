// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/read/target_read.h"
#include "replay/tape/freeze.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

// What `ktape read` prints. All of it ends with a newline.

// A freeze of the list: "   93 [   16.787907]  freeze:1  by trigger 'scx-error', 227 pages kept".
[[nodiscard]] std::string freeze_line(const Freeze& freeze);
[[nodiscard]] std::string freeze_json(const Freeze& freeze, const Verification& found);

// "TARGET = VALUE", and below it where the value is and which gates passed.
[[nodiscard]] std::string target_lines(const TargetRead& read);
// The same under the freeze_line() of a series, without place and gates.
[[nodiscard]] std::string lines_in_series(const TargetRead& read);
[[nodiscard]] std::string target_json(const TargetRead& read, const Freeze& freeze,
                                      const Verification& found);

// The names of the columns, and a row for each value: one, one for each entry of a list, or one
// that says why there is none.
[[nodiscard]] std::string csv_header();
[[nodiscard]] std::string csv_rows(const TargetRead& read, const Freeze& freeze);

}  // namespace ktape
