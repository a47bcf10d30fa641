// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// What keeps a line from being split into words.
struct ShellFault {
  enum class Kind { kOpenSingleQuote, kOpenDoubleQuote, kEndsInBackslash, kActive };
  Kind kind = Kind::kActive;
  char character = 0;  // kActive: which one a shell would act on
};

// What becomes of the characters that a shell acts on: variables, patterns, pipes, redirections.
enum class ActiveCharacters { kAsTheyAre, kFault };

// The words of a line as a POSIX shell splits them: at blanks, with 'single' and "double" quotes
// and backslashes. Nothing is expanded. kEndsInBackslash comes with kFault alone; else such a
// backslash is one.
[[nodiscard]] std::variant<std::vector<std::string>, ShellFault> split_words(
    std::string_view line, ActiveCharacters active);

// The same, with active characters as they are. kUsage for a quote that is not closed.
[[nodiscard]] Result<std::vector<std::string>> shell_words(std::string_view line);

// The inverse of one word: as it is where a shell takes it so, else in single quotes.
[[nodiscard]] std::string shell_quoted(std::string_view word);

}  // namespace ktape
