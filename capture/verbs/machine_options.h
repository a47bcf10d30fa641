// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario/machine.h"

namespace ktape {

// Parses the value of `--topology`, e.g. "sockets=2,cores=4,threads=2,llcs=4,numaNodes=2". The
// names are those of a scenario's machine. kUsage names the mistake. Does not check whether the
// numbers fit together.
[[nodiscard]] Result<MachineShape> parse_topology(std::string_view text);

// The inverse: parse_topology gives the same shape again. Fields that are 0 are left out.
[[nodiscard]] std::string topology_text(const MachineShape& shape);

}  // namespace ktape
