// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/scenario/load.h"

namespace ktape {

// What cold reads with `every` will cost: a line for each step that has some, "step 'look': cold
// reads with 'every' will freeze the machine for about 5 % of the time". An estimate, from the
// measurements in tools/benchmarks; a busy host takes longer. kUsage, with the place, if the
// freezes of a step take as long as the intervals between them: the machine would be frozen all the
// time.
[[nodiscard]] Result<std::vector<std::string>> frozen_shares(const LoadedScenario& scenario,
                                                             schema::MemoryMode memory);

}  // namespace ktape
