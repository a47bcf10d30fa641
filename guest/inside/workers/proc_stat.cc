// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/proc_stat.h"

#include <charconv>

#include "schema/base/file.h"

namespace ktape {

namespace {

constexpr uint64_t kTickNs = 10'000'000;  // USER_HZ is 100 on x86, whatever HZ is
constexpr size_t kFirstField = 3;         // after the pid and the command name
constexpr size_t kStartTimeField = 22;
constexpr size_t kStatLimitBytes = 4096;

// Removes the first word, and the spaces after it, from `text`.
std::string_view take_word(std::string_view& text) {
  size_t end = text.find_first_of(" \n");
  std::string_view word = text.substr(0, end);
  size_t next = end == std::string_view::npos ? end : text.find_first_not_of(" \n", end);
  text = next == std::string_view::npos ? std::string_view() : text.substr(next);
  return word;
}

}  // namespace

std::string ProcStat::field(size_t number) const {
  return number - kFirstField < fields.size() ? fields[number - kFirstField] : "";
}

Result<ProcStat> parse_proc_stat(std::string_view text) {
  size_t open = text.find('(');
  // rfind: a comm may contain ") S 1" to deceive a reader; the kernel's own parenthesis is the
  // last.
  size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
      close + 2 > text.size()) {
    return Error{ErrorCode::kBadInput, "no command name in '" + std::string(text) + "'", ""};
  }
  ProcStat stat;
  stat.comm = std::string(text.substr(open + 1, close - open - 1));

  std::string_view rest = text.substr(close + 2);
  while (!rest.empty()) stat.fields.emplace_back(take_word(rest));
  const std::string state = stat.field(kFirstField);
  if (state.size() != 1)
    return Error{ErrorCode::kBadInput, "no state in '" + std::string(text) + "'", ""};
  stat.state = state[0];
  const std::string start = stat.field(kStartTimeField);
  uint64_t ticks = 0;
  auto [end, error] = std::from_chars(start.data(), start.data() + start.size(), ticks);
  if (error != std::errc() || end != start.data() + start.size()) {
    return Error{ErrorCode::kBadInput, "no start time in '" + std::string(text) + "'", ""};
  }
  stat.start_boottime_ns = ticks * kTickNs;
  return stat;
}

Result<ProcStat> read_proc_stat(Pid pid) {
  KTAPE_ASSIGN(std::string text,
               read_text_file("/proc/" + std::to_string(pid.value) + "/stat", kStatLimitBytes));
  return parse_proc_stat(text);
}

}  // namespace ktape
