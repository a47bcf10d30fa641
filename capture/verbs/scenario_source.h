// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"

namespace ktape {

// share/ktape beside the folder of this program: the scenarios that ship, and the guest's
// initramfs.
[[nodiscard]] Result<std::string> data_folder();

// Path of the scenario that was asked for: a file, or the name of one that ships. kUsage says where
// those are.
[[nodiscard]] Result<std::string> find_scenario(const std::string& asked);

}  // namespace ktape
