// SPDX-License-Identifier: Apache-2.0
#include "tests/support/readme.h"

#include <sstream>
#include <stdexcept>

#include "schema/base/file.h"
#include "tests/support/must.h"

namespace ktape::test {

std::string readme_excerpt(const std::string& readme, const std::string& command) {
  constexpr std::string_view kIndent = "    ";
  std::istringstream lines(must(read_text_file(readme, 1 << 20)));
  const std::string prompt = std::string(kIndent) + "$ " + command;
  std::string excerpt;
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    if (!found) {
      found = line == prompt || line.starts_with(prompt + " ");
      continue;
    }
    if (line.starts_with(std::string(kIndent) + "$ ") ||
        (!line.empty() && !line.starts_with(kIndent)))
      break;
    excerpt += (line.empty() ? line : line.substr(kIndent.size())) + "\n";
  }
  if (!found) throw std::runtime_error("README.md has no '$ " + command + "'");
  return excerpt.substr(0, excerpt.find_last_not_of('\n') + 1) + "\n";
}

}  // namespace ktape::test
