// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape::test {

// What README.md shows of a command's output: the lines below "    $ COMMAND", without their
// indent, up to the next command or the end of the block. The comment behind a command is no part
// of it. Throws when there is no such command.
[[nodiscard]] std::string readme_excerpt(const std::string& readme, const std::string& command);

}  // namespace ktape::test
