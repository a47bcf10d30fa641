// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"

namespace ktape {

// Path of a scenario, given as a file or as the name of one shipped with ktape. The hint of kUsage
// says where those are.
[[nodiscard]] Result<std::string> find_scenario(const std::string& asked);

}  // namespace ktape
