// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// Standard output, for programs. What cannot be written, to a full disk or a closed pipe, is kHost.
[[nodiscard]] Result<void> write_output(std::string_view text);

// To be called once at the end: until then it may be that nothing was written yet.
[[nodiscard]] Result<void> flush_output();

}  // namespace ktape
