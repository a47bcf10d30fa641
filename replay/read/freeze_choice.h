// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "replay/tape/tape_index.h"
#include "schema/base/result.h"

namespace ktape {

// The freezes that --at names.
struct FreezeChoice {
  std::vector<const Freeze*> freezes;  // of the index, in its order; at least one
  bool is_series = false;              // named as several, even if the tape has one of them
};

// "all", "trigger" (every freeze by a trigger), "3-7", or one freeze as TapeIndex::freeze_at()
// takes it; "freeze:" in front of any of them may be left out. kUsage for anything else;
// kNotApplicable if the tape has no such freeze.
[[nodiscard]] Result<FreezeChoice> choose_freezes(const TapeIndex& index, std::string_view text);

}  // namespace ktape
