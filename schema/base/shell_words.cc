// SPDX-License-Identifier: Apache-2.0
#include "schema/base/shell_words.h"

#include <optional>

#include "schema/base/text.h"

namespace ktape {

Result<std::vector<std::string>> shell_words(std::string_view line) {
  std::vector<std::string> words;
  std::optional<std::string> word;  // the one that was begun
  char quote = 0;                   // the quote that is open
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    bool blank = c == ' ' || c == '\t' || c == '\n';
    if (quote == 0 && blank) {
      if (word) words.push_back(std::move(*word));
      word.reset();
      continue;
    }
    if (!word) word.emplace();
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      *word += line[++i];
    } else {
      *word += c;
    }
  }
  if (quote != 0) return Error{ErrorCode::kUsage, "a quote is not closed in " + in_quotes(line), ""};
  if (word) words.push_back(std::move(*word));
  return words;
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace ktape
