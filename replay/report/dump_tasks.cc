// SPDX-License-Identifier: Apache-2.0
#include "replay/report/dump_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "schema/base/text.h"

namespace ktape {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

template <typename T>
std::optional<T> number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// "R left_alone[144] -3080ms"; the running task is marked with a '*' and does not wait.
std::optional<WaitingTask> head_line(std::string_view line) {
  const size_t open = line.rfind('[');
  const size_t close = line.rfind(']');
  if (line.size() < 4 || line[1] != ' ' || open == line.npos || close == line.npos ||
      close < open || !line.ends_with("ms"))
    return std::nullopt;
  const auto pid = number<int32_t>(line.substr(open + 1, close - open - 1));
  const auto delta = number<int64_t>(trimmed(line.substr(close + 1)));
  // It is runnable_at minus the present, so a wait is not positive; INT64_MIN cannot be negated.
  if (!pid || !delta || *delta > 0 || *delta == INT64_MIN) return std::nullopt;
  WaitingTask task;
  task.pid = *pid;
  task.comm = line.substr(2, std::min<size_t>(open - 2, 64));
  task.waiting_ms = static_cast<uint64_t>(-*delta);
  return task;
}

// The text after "NAME=", up to a blank.
std::string_view value_of(std::string_view line, std::string_view name) {
  const size_t at = line.find(name);
  if (at == line.npos) return "";
  line.remove_prefix(at + name.size());
  return line.substr(0, line.find(' '));
}

// "%*pb": 32-bit hex words, the highest first, separated by commas.
std::string mask_text(std::string_view bitmap) {
  std::vector<uint64_t> words;
  uint32_t halves = 0;
  // 256 words are 8192 CPUs, the most that CONFIG_NR_CPUS allows.
  while (!bitmap.empty() && halves < 256) {
    const size_t comma = bitmap.rfind(',');
    const auto half =
        number<uint32_t>(comma == bitmap.npos ? bitmap : bitmap.substr(comma + 1), 16);
    if (!half) return "";
    if (halves % 2 == 0) words.push_back(0);
    words.back() |= uint64_t{*half} << (halves % 2 * 32);
    ++halves;
    bitmap = comma == bitmap.npos ? "" : bitmap.substr(0, comma);
  }
  return words.empty() ? "" : cpu_list(words, halves * 32);
}

void more(std::string_view line, WaitingTask& task) {
  const std::string_view dsq = value_of(line, "dsq_id=");
  if (!dsq.empty() && dsq != "(n/a)") task.dsq = printable(dsq.substr(0, 24));
  if (line.starts_with("cpus=")) task.cpus = mask_text(value_of(line, "cpus="));
}

}  // namespace

WaitingTasks waiting_in_dump(std::string_view dump) {
  WaitingTasks waiting;
  std::optional<uint32_t> cpu;
  bool in_task = false;
  while (!dump.empty()) {
    const size_t end = dump.find('\n');
    const std::string_view line = trimmed(dump.substr(0, end));
    dump = end == dump.npos ? "" : dump.substr(end + 1);
    if (line.starts_with("CPU ")) {
      cpu = number<uint32_t>(trimmed(line.substr(4)));
      in_task = false;
    } else if (line.starts_with('*')) {
      // The running task: the lines below are about it.
      in_task = false;
    } else if (auto task = head_line(line)) {
      task->last_cpu = cpu;
      waiting.tasks.push_back(std::move(*task));
      in_task = true;
    } else if (in_task) {
      more(line, waiting.tasks.back());
    }
  }
  keep_longest(waiting);
  return waiting;
}

}  // namespace ktape
