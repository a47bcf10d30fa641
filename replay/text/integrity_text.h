// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/exit_code.h"
#include "schema/base/json_writer.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

// Goes with everything that is read from a tape:
//   tape: intact, every record, blob, page and column is as it was recorded
//   losses: none
// Ends with a newline.
[[nodiscard]] std::string integrity_lines(const Verification& found);

// The same as members of a JSON object: "integrity":"intact","finding":"...","losses":"none"
void put_integrity(JsonWriter& json, const Verification& found);

// The exit status of a verb that used the tape in spite of its state.
[[nodiscard]] ExitCode with_integrity(ExitCode code, const Verification& found);

}  // namespace ktape
