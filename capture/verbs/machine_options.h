// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario/machine.h"

namespace ktape {

// What `--topology` says, e.g. "sockets=2,cores=4,threads=2,llcs=4,numaNodes=2", by the names that
// a scenario's machine has for them. kUsage names what is wrong; whether they fit together is not
// looked at.
[[nodiscard]] Result<MachineShape> parse_topology(std::string_view text);

// The inverse: parse_topology gives the shape again. What is 0 is left out.
[[nodiscard]] std::string topology_text(const MachineShape& shape);

}  // namespace ktape
