// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/tape/writing/writer.h"

namespace ktape {

// Writes `out`, a smaller tape of the same run: its kernel's types and symbols are reduced to those
// that the run used and those that a scheduler's state consists of, and its kernel's configuration
// is left out. Records are copied byte for byte, except those that name the types and symbols; a
// Slimmed record is added before the seal. All pages are kept.
//
// The source must verify intact: kBadInput. kRefused for a slim tape, and for one that keeps all of
// the guest's memory. kNotApplicable for a tape without a kernel. kUsage if `out` exists.
[[nodiscard]] Result<SealedTape> slim_tape(const std::string& path, const std::string& out);

}  // namespace ktape
