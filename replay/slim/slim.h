// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/tape/writing/writer.h"

namespace ktape {

// Makes `out`, a tape of the same run that takes less room: its kernel's types and symbols are cut
// down to those that the run used, and those that a scheduler's state consists of; its kernel's
// configuration is left out. Records are copied byte for byte, but for those that name the types
// and symbols, and a Slimmed record that comes before the seal. Pages are all kept.
//
// The source must verify intact: kBadInput. kRefused for a slim tape, and for one that keeps all of
// the guest's memory. kNotApplicable for a tape without a kernel. kUsage when `out` exists.
[[nodiscard]] Result<SealedTape> slim_tape(const std::string& path, const std::string& out);

}  // namespace ktape
