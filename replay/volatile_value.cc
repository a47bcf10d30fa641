// SPDX-License-Identifier: Apache-2.0
#include "replay/volatile_value.h"

#include <algorithm>
#include <array>

namespace ktape {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

template <size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::ranges::find(names, name) != names.end();
}

template <size_t N>
bool ends_with_one_of(std::string_view name, const std::array<std::string_view, N>& ends) {
  return std::ranges::any_of(ends, [&](std::string_view end) { return name.ends_with(end); });
}

// Names of the kernel's own: include/linux/sched.h, include/linux/sched/ext.h, kernel/sched/sched.h.
bool is_time(std::string_view name, std::string_view type) {
  constexpr std::array<std::string_view, 6> kTypes = {"ktime_t",  "time64_t", "time_t",
                                                      "cycles_t", "ktime",    "struct timespec64"};
  constexpr std::array<std::string_view, 12> kNames = {
      "jiffies", "jiffies_64", "utime", "stime",        "gtime",       "deadline",
      "vlag",    "slice",      "clock", "last_arrival", "last_queued", "exec_start"};
  constexpr std::array<std::string_view, 10> kEnds = {"_ns",      "_us",    "_ms",       "_time",  "_at",
                                                      "_runtime", "_clock", "_boottime", "_stamp", "vtime"};
  return is_one_of(type, kTypes) || is_one_of(name, kNames) || ends_with_one_of(name, kEnds) ||
         name.ends_with("runtime") || name.ends_with("timestamp") || name.starts_with("clock_");
}

bool is_process_id(std::string_view name, std::string_view type) {
  constexpr std::array<std::string_view, 4> kNames = {"pid", "tgid", "ppid", "last_pid"};
  return type == "pid_t" || is_one_of(name, kNames);
}

bool is_count_of_events(std::string_view name) {
  constexpr std::array<std::string_view, 7> kNames = {
      "nvcsw", "nivcsw", "nr_switches", "nr_migrations", "nr_wakeups", "sched_count", "ttwu_count"};
  return is_one_of(name, kNames);
}

// How many tasks a runqueue holds, and which CPU a task is on: the tick of another task changes it.
bool is_momentary(const ValueName& value) {
  constexpr std::array<std::string_view, 8> kOfCpu = {"curr",  "next", "donor",         "stop",
                                                      "flags", "idle", "preempt_count", "count"};
  constexpr std::array<std::string_view, 5> kOfTask = {"on_cpu", "cpu", "wake_cpu", "recent_used_cpu",
                                                       "last_wakee"};
  if (is_one_of(value.name, kOfTask)) return true;
  if (!value.per_cpu) return false;
  return value.name.starts_with("nr_") || value.name.starts_with("h_nr_") || is_one_of(value.name, kOfCpu);
}

// Length of the number that the text begins with; 0 when it begins with none.
size_t number_length(std::string_view text) {
  size_t n = 0;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    n = 2;
    while (n < text.size() && is_hex_digit(text[n])) ++n;
    return n;
  }
  while (n < text.size() &&
         (is_digit(text[n]) || (text[n] == '.' && n + 1 < text.size() && n > 0 && is_digit(text[n + 1])))) {
    ++n;
  }
  return n;
}

}  // namespace

Variation how_it_varies(const ValueName& value) {
  if (value.bytes) return {"the bytes of a whole object"};
  if (is_momentary(value)) return {"what a CPU did at that instant", false};
  if (value.type.ends_with('*')) return {"an address"};
  if (is_time(value.name, value.type)) return {"a time"};
  if (is_process_id(value.name, value.type)) return {"a process id"};
  if (is_count_of_events(value.name)) return {"a count of events"};
  return {};
}

std::string without_numbers(std::string_view text) {
  std::string out;
  bool in_word = false;  // digits that belong to a name are part of it
  while (!text.empty()) {
    size_t length = in_word ? 0 : number_length(text);
    if (length > 0) {
      out += 'N';
      text.remove_prefix(length);
      continue;
    }
    in_word = is_word(text.front());
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace ktape
