// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

// Makes one sealed file from what a dead recorder left at `path` (the `.partial` or the tape's own
// name). An existing Sealed record is kept with its outcome if everything verifies; otherwise the
// file is marked truncated. The source is not changed. kUsage if `out` exists.
[[nodiscard]] Result<Verification> salvage(const std::string& path, const std::string& out);

}  // namespace ktape
