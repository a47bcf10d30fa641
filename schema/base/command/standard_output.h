// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// Standard output, for programs. A failed write, to a full disk or a closed pipe, is kHost.
[[nodiscard]] Result<void> write_output(std::string_view text);

// Call it once at the end: until then nothing may have been written.
[[nodiscard]] Result<void> flush_output();

}  // namespace ktape
