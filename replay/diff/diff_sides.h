// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/check/verdicts.h"
#include "replay/diff/diff.h"
#include "schema/base/result.h"

namespace ktape {

// Loads and judges what one side of a comparison is: a tape, or a folder, of which every file whose
// name ends with ".ktape" is a repeat, in the order of their names. kBadInput when a tape is
// altered or cannot be read, when a folder has no tapes, and when its tapes are not repeats: of one
// scenario, kernel and machine.
[[nodiscard]] Result<DiffSide> load_side(const std::string& path, const AskedAssertions& asked);

}  // namespace ktape
