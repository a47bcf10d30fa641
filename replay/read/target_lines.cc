// SPDX-License-Identifier: Apache-2.0
#include "replay/read/target_lines.h"

#include <fmt/format.h>

#include <utility>

namespace ktape {

namespace {

constexpr char kBlanks[] = " \t\r";

}  // namespace

// Not getline(), which takes whatever comes before the line's end.
Result<bool> TargetLines::line(std::string& to) {
  to.clear();
  ++number_;
  for (int c = from_.get(); c != std::istream::traits_type::eof(); c = from_.get()) {
    if (c == '\n') return true;
    if (to.size() == kMaxBytes) {
      return Error{
          ErrorCode::kUsage,
          fmt::format("line {} of standard input is longer than {} bytes", number_, kMaxBytes),
          "--batch takes one target in each line"};
    }
    to.push_back(static_cast<char>(c));
  }
  return !to.empty();
}

Result<std::optional<std::string>> TargetLines::next() {
  std::string text;
  while (true) {
    KTAPE_ASSIGN(const bool is_line, line(text));
    if (!is_line) return std::optional<std::string>();
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string::npos || text[begin] == '#') continue;
    return std::optional(text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin));
  }
}

Result<std::vector<std::string>> TargetLines::all() {
  std::vector<std::string> lines;
  while (true) {
    KTAPE_ASSIGN(std::optional<std::string> line, next());
    if (!line) return lines;
    if (lines.size() == kMaxTargets) {
      return Error{ErrorCode::kUsage,
                   fmt::format("standard input has more than {} targets", kMaxTargets),
                   "read them in several batches"};
    }
    lines.push_back(std::move(*line));
  }
}

}  // namespace ktape
