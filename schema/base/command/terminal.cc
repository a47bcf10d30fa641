// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace ktape {

namespace {

constexpr size_t kUsualColumns = 100;
constexpr size_t kLeastColumns = 60;
constexpr size_t kUsualRows = 24;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// A size of the terminal: by the environment, else by the terminal; 0 if neither says.
size_t window_size(const char* name, unsigned short winsize::*field) {
  const std::string_view text = environment(name);
  size_t given = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), given);
  if (error == std::errc() && end == text.data() + text.size() && given > 0) return given;
  // Zero is what a terminal says that does not know its own size.
  winsize size = {};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.*field : 0;
}

const char* sequence(Paint paint) {
  switch (paint) {
    case Paint::kPlain: return "";
    case Paint::kGood: return "\033[32m";
    case Paint::kBad: return "\033[1;31m";
    case Paint::kOpen: return "\033[33m";
    case Paint::kTitle: return "\033[1m";
    case Paint::kFaint: return "\033[2m";
  }
  return "";
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool is_dumb_terminal() {
  const std::string_view name = environment("TERM");
  return name.empty() || name == "dumb";
}

size_t terminal_columns() {
  const size_t columns = window_size("COLUMNS", &winsize::ws_col);
  return columns == 0 ? kUsualColumns : std::max(columns, kLeastColumns);
}

size_t terminal_rows() {
  const size_t rows = window_size("LINES", &winsize::ws_row);
  return rows == 0 ? kUsualRows : rows;
}

std::string Colors::paint(Paint paint, std::string_view text) const {
  if (!on_ || paint == Paint::kPlain) return std::string(text);
  std::string painted;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) painted.append(sequence(paint)).append(line).append("\033[0m");
    if (end == std::string_view::npos) break;
    painted += '\n';
    text.remove_prefix(end + 1);
  }
  return painted;
}

ColorOption::ColorOption(CommandLine& program) {
  program.add("--color", when_, "When to colour; auto: on a terminal, unless NO_COLOR is set")
      .one_of({"auto", "always", "never"})
      .shows_default();
}

Colors ColorOption::colors() const {
  if (when_ != "auto") return Colors(when_ == "always");
  return Colors(is_terminal(STDOUT_FILENO) && !is_dumb_terminal() &&
                environment("NO_COLOR").empty());
}

}  // namespace ktape
