// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// Splits a command into words like a POSIX shell: at blanks, with 'single' and "double" quotes and
// backslashes. No shell is run, so anything else a shell would interpret (variables, patterns,
// pipes, redirections) is kUsage, naming the character. So is an unclosed quote, or a command
// without words.
[[nodiscard]] Result<std::vector<std::string>> split_command(std::string_view command);

}  // namespace ktape
