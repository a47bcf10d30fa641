// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// The words of a line as a shell splits them: at blanks, with 'single' and "double" quotes and backslashes,
// and without expanding anything. kUsage for a quote that is not closed.
[[nodiscard]] Result<std::vector<std::string>> shell_words(std::string_view line);

// The inverse of one word: as it is where a shell takes it so, else in single quotes.
[[nodiscard]] std::string shell_quoted(std::string_view word);

}  // namespace ktape
