// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// The words of a command as a POSIX shell would take them: separated by blanks, with 'single' and
// "double" quotes and backslashes. No shell is run, so kUsage, naming the character, where one
// would do more than that: variables, patterns, pipes, redirections. Also for a quote that is not
// closed, and for a command without words.
[[nodiscard]] Result<std::vector<std::string>> split_command(std::string_view command);

}  // namespace ktape
