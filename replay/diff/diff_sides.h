// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/check/verdicts.h"
#include "replay/diff/diff.h"
#include "schema/base/result.h"

namespace ktape {

// Loads and judges one side of a comparison: a tape, or a folder in which every file whose name
// ends with ".ktape" is a repeat, in the order of their names. kBadInput if a tape is altered or
// cannot be read, if a folder has no tapes, or if its tapes are not repeats: runs of one scenario
// on one kernel and machine.
[[nodiscard]] Result<DiffSide> load_side(const std::string& path, const AskedAssertions& asked);

}  // namespace ktape
