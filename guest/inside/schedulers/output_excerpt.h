// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace ktape {

// Keeps the part of a program's output that shows why it ended: its last lines, and the first line
// that mentions an error. A loader's last line rarely shows the cause, which libbpf or the verifier
// printed above it.
class OutputExcerpt {
 public:
  static constexpr size_t kLines = 8;
  static constexpr size_t kLineBytes = 200;  // the rest of a line is left out

  // Lines may arrive in pieces.
  void add(std::string_view text) {
    while (!text.empty()) {
      const size_t end = text.find('\n');
      const std::string_view part = text.substr(0, end);
      line_ += part.substr(0, kLineBytes - std::min(kLineBytes, line_.size()));
      if (end == std::string_view::npos) return;
      end_line();
      text.remove_prefix(end + 1);
    }
  }

  // The lines in order, joined by " | ", with "..." where lines are left out; empty if nothing was
  // printed.
  [[nodiscard]] std::string text() const {
    OutputExcerpt whole = *this;
    // The line that has no newline yet counts, too; a copy, so that text() may be asked at any
    // time.
    whole.end_line();
    const uint64_t left_out = whole.count_ - whole.lines_.size();
    std::string text;
    // The first error is shown only if it is not among the last lines anyway.
    if (!whole.error_.empty() && whole.error_at_ < left_out) text = whole.error_;
    if (left_out > (text.empty() ? 0 : 1)) text += text.empty() ? "..." : " | ...";
    for (const std::string& line : whole.lines_) text += (text.empty() ? "" : " | ") + line;
    return text;
  }

 private:
  // Strips blanks around a line, and ignores blank lines.
  void end_line() {
    const size_t first = line_.find_first_not_of(" \t\r");
    if (first != std::string::npos) {
      std::string line = line_.substr(first, line_.find_last_not_of(" \t\r") + 1 - first);
      if (error_.empty() && speaks_of_error(line)) {
        error_ = line;
        error_at_ = count_;
      }
      ++count_;
      lines_.push_back(std::move(line));
      if (lines_.size() > kLines) lines_.pop_front();
    }
    line_.clear();
  }

  static bool speaks_of_error(std::string_view line) {
    std::string lower(line);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const char* word : {"error", "fail", "invalid", "cannot", "can't", "unable", "denied",
                             "panic", "incompatible", "not found", "not resolved"}) {
      if (lower.find(word) != std::string::npos) return true;
    }
    return false;
  }

  std::string line_;  // current line, not complete yet
  std::deque<std::string> lines_;
  uint64_t count_ = 0;  // lines that were not blank
  std::string error_;
  uint64_t error_at_ = 0;  // number of the error line
};

// What failed, and an excerpt of the output on one line.
[[nodiscard]] inline std::string with_excerpt(const std::string& what, std::string_view printed) {
  OutputExcerpt words;
  words.add(printed);
  const std::string said = words.text();
  return said.empty() ? what : what + ": " + said;
}

}  // namespace ktape
