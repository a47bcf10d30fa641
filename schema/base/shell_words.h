// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// Why a line cannot be split into words.
struct ShellFault {
  enum class Kind { kOpenSingleQuote, kOpenDoubleQuote, kEndsInBackslash, kActive };
  Kind kind = Kind::kActive;
  char character = 0;  // kActive: the character that is special to a shell
};

// How to treat the characters that a shell acts on: variables, patterns, pipes, redirections.
enum class ActiveCharacters { kAsTheyAre, kFault };

// Splits a line into words as a POSIX shell does: at blanks, with 'single' and "double" quotes and
// backslashes. Nothing is expanded. kEndsInBackslash occurs only with kFault; otherwise such a
// backslash is kept.
[[nodiscard]] std::variant<std::vector<std::string>, ShellFault> split_words(
    std::string_view line, ActiveCharacters active);

// The same, with active characters kept. kUsage for an unclosed quote.
[[nodiscard]] Result<std::vector<std::string>> shell_words(std::string_view line);

// The inverse for one word: unquoted if a shell takes it unchanged, else in single quotes.
[[nodiscard]] std::string shell_quoted(std::string_view word);

}  // namespace ktape
