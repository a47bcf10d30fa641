// SPDX-License-Identifier: Apache-2.0
#include "schema/base/shell_words.h"

#include <optional>
#include <utility>

#include "schema/base/text.h"

namespace ktape {

namespace {

using Fault = std::optional<ShellFault>;

// The characters that are special to a shell outside quotes, and within double quotes.
constexpr std::string_view kActive = "$`*?[]{}()<>|&;!#~";
constexpr std::string_view kActiveInQuotes = "$`";
// Within double quotes a backslash before any other character stays (POSIX, 2.2.3).
constexpr std::string_view kEscapableInQuotes = "$`\"\\\n";

class Splitter {
 public:
  Splitter(std::string_view line, ActiveCharacters active)
      : line_(line), refuses_active_(active == ActiveCharacters::kFault) {}

  std::variant<std::vector<std::string>, ShellFault> split() {
    while (at_ < line_.size()) {
      if (const Fault fault = step(line_[at_])) return *fault;
    }
    end_word();
    return std::move(words_);
  }

 private:
  Fault step(char c) {
    if (c == ' ' || c == '\t' || c == '\n') {
      end_word();
      ++at_;
      return {};
    }
    // Quotes make a word even if there is nothing between them: '' is an empty argument.
    in_word_ = true;
    if (c == '\'') return single_quoted();
    if (c == '"') return double_quoted();
    if (c == '\\') return escaped();
    // "~" and "#" are special only at the start of a word.
    const bool only_at_start = c == '~' || c == '#';
    // word_ may be empty after '' as well: then a '#' would still be part of a word, and is refused
    // to be safe.
    if (is_active(c, kActive) && !(only_at_start && !word_.empty()))
      return ShellFault{ShellFault::Kind::kActive, c};
    word_ += c;
    ++at_;
    return {};
  }

  Fault escaped() {
    if (at_ + 1 < line_.size()) {
      word_ += line_[at_ + 1];
      at_ += 2;
      return {};
    }
    if (refuses_active_) return ShellFault{ShellFault::Kind::kEndsInBackslash};
    word_ += line_[at_++];
    return {};
  }

  Fault single_quoted() {
    const size_t end = line_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return ShellFault{ShellFault::Kind::kOpenSingleQuote};
    word_ += line_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return {};
  }

  Fault double_quoted() {
    for (++at_; at_ < line_.size(); ++at_) {
      const char c = line_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      if (is_active(c, kActiveInQuotes)) return ShellFault{ShellFault::Kind::kActive, c};
      const bool escapes = c == '\\' && at_ + 1 < line_.size() &&
                           kEscapableInQuotes.find(line_[at_ + 1]) != std::string_view::npos;
      word_ += escapes ? line_[++at_] : c;
    }
    return ShellFault{ShellFault::Kind::kOpenDoubleQuote};
  }

  [[nodiscard]] bool is_active(char c, std::string_view which) const {
    return refuses_active_ && which.find(c) != std::string_view::npos;
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  std::string_view line_;
  bool refuses_active_;
  size_t at_ = 0;
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
};

}  // namespace

std::variant<std::vector<std::string>, ShellFault> split_words(std::string_view line,
                                                               ActiveCharacters active) {
  return Splitter(line, active).split();
}

Result<std::vector<std::string>> shell_words(std::string_view line) {
  auto split = split_words(line, ActiveCharacters::kAsTheyAre);
  if (auto* words = std::get_if<std::vector<std::string>>(&split)) return std::move(*words);
  return Error{ErrorCode::kUsage, "a quote is not closed in " + in_quotes(line), ""};
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      // A single quote cannot be escaped within single quotes: end them, write it escaped, begin
      // again.
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace ktape
