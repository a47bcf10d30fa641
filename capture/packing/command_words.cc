// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/command_words.h"

namespace ktape {

namespace {

// What a shell acts on outside quotes, and within double quotes.
constexpr std::string_view kActive = "$`*?[]{}()<>|&;!#~";
constexpr std::string_view kActiveInQuotes = "$`";
constexpr std::string_view kEscapableInQuotes = "$`\"\\\n";

class Splitter {
 public:
  explicit Splitter(std::string_view command) : command_(command) {}

  Result<std::vector<std::string>> split() {
    while (at_ < command_.size()) KTAPE_TRY(step(command_[at_]));
    end_word();
    if (words_.empty()) return Error{ErrorCode::kUsage, "the scheduler's command is empty", ""};
    return std::move(words_);
  }

 private:
  Result<void> step(char c) {
    if (c == ' ' || c == '\t' || c == '\n') {
      end_word();
      ++at_;
      return {};
    }
    in_word_ = true;
    if (c == '\'') return single_quoted();
    if (c == '"') return double_quoted();
    if (c == '\\') {
      if (at_ + 1 == command_.size()) return error("ends with a backslash");
      word_ += command_[at_ + 1];
      at_ += 2;
      return {};
    }
    // "~" and "#" are special at the start of a word only.
    const bool only_at_start = c == '~' || c == '#';
    if (kActive.find(c) != std::string_view::npos && !(only_at_start && !word_.empty())) return active(c);
    word_ += c;
    ++at_;
    return {};
  }

  Result<void> single_quoted() {
    const size_t end = command_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return error("has a ' that is not closed");
    word_ += command_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return {};
  }

  Result<void> double_quoted() {
    for (++at_; at_ < command_.size(); ++at_) {
      const char c = command_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      if (kActiveInQuotes.find(c) != std::string_view::npos) return active(c);
      const bool escapes = c == '\\' && at_ + 1 < command_.size() &&
                           kEscapableInQuotes.find(command_[at_ + 1]) != std::string_view::npos;
      word_ += escapes ? command_[++at_] : c;
    }
    return error("has a \" that is not closed");
  }

  Result<void> active(char c) const {
    return Error{ErrorCode::kUsage,
                 "the scheduler's command '" + std::string(command_) + "' has a '" + c +
                     "' that a shell would act on, and no shell is run",
                 "quote it, as in '\\" + std::string(1, c) + "', where the character itself is meant"};
  }

  Result<void> error(const std::string& what) const {
    return Error{ErrorCode::kUsage, "the scheduler's command '" + std::string(command_) + "' " + what, ""};
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  std::string_view command_;
  size_t at_ = 0;
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
};

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view command) { return Splitter(command).split(); }

}  // namespace ktape
