// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"

namespace ktape {

// Makes a folder for an export. kUsage if there is something of that name.
[[nodiscard]] Result<void> make_new_folder(const std::string& path);

}  // namespace ktape
