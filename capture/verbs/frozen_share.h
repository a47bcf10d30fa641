// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/scenario/load.h"

namespace ktape {

// What cold reads with `every` will cost at least: a line for each step that has some, "step
// 'look': cold reads with 'every' will freeze the machine for at least 5.0 % of the time". From the
// measurements in tools/benchmarks, on an idle host. kUsage, with the place, if it is half of the
// time or more.
[[nodiscard]] Result<std::vector<std::string>> frozen_shares(const LoadedScenario& scenario,
                                                             schema::MemoryMode memory);

}  // namespace ktape
