// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/volatile_value.h"

#include <algorithm>
#include <array>

namespace ktape {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

template <size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::ranges::find(names, name) != names.end();
}

template <size_t N>
bool ends_with_one_of(std::string_view name, const std::array<std::string_view, N>& ends) {
  return std::ranges::any_of(ends, [&](std::string_view end) { return name.ends_with(end); });
}

// Names of the kernel's own: include/linux/sched.h, include/linux/sched/ext.h,
// kernel/sched/sched.h.
bool is_time(std::string_view name, std::string_view type) {
  constexpr std::array<std::string_view, 6> kTypes = {"ktime_t",  "time64_t", "time_t",
                                                      "cycles_t", "ktime",    "struct timespec64"};
  constexpr std::array<std::string_view, 13> kNames = {
      "jiffies", "jiffies_64", "utime",        "stime",       "gtime",      "deadline",  "vlag",
      "slice",   "clock",      "last_arrival", "last_queued", "exec_start", "clock_pelt"};
  constexpr std::array<std::string_view, 12> kEnds = {"_ns",    "_us",      "_ms",    "_time",
                                                      "_at",    "_runtime", "_clock", "_boottime",
                                                      "_stamp", "vtime",    "_start", "_ts"};
  return is_one_of(type, kTypes) || is_one_of(name, kNames) || ends_with_one_of(name, kEnds) ||
         name.ends_with("runtime") || name.ends_with("timestamp") || name.starts_with("clock_");
}

bool is_process_id(std::string_view name, std::string_view type) {
  constexpr std::array<std::string_view, 4> kNames = {"pid", "tgid", "ppid", "last_pid"};
  return type == "pid_t" || is_one_of(name, kNames);
}

// Whether a path leads through a struct that only has statistics.
bool leads_through_statistics(std::string_view path) {
  constexpr std::array<std::string_view, 9> kStructs = {"sched_info.", "rq_sched_info.", "stats.",
                                                        "statistics.", "avg.",           "avg_rt.",
                                                        "avg_dl.",     "avg_irq.",       "ioac."};
  return std::ranges::any_of(kStructs, [&](std::string_view name) {
    const size_t at = path.find(name);
    return at != std::string_view::npos && (at == 0 || !is_word(path[at - 1]));
  });
}

// Counts of events, sums and extremes of their durations: struct sched_info, sched_statistics,
// sched_avg, and similar fields of a task and a runqueue.
bool is_count_of_events(std::string_view name, std::string_view path) {
  constexpr std::array<std::string_view, 24> kNames = {"nvcsw",
                                                       "nivcsw",
                                                       "nr_switches",
                                                       "nr_migrations",
                                                       "pcount",
                                                       "yld_count",
                                                       "ttwu_count",
                                                       "ttwu_local",
                                                       "sched_goidle",
                                                       "run_delay",
                                                       "min_flt",
                                                       "maj_flt",
                                                       "avg_idle",
                                                       "wakee_flips",
                                                       "total_forks",
                                                       "nr_iowait",
                                                       "last_switch_count",
                                                       "lost_idle_time",
                                                       "util_est",
                                                       "wait_max",
                                                       "sleep_max",
                                                       "block_max",
                                                       "exec_max",
                                                       "slice_max"};
  constexpr std::array<std::string_view, 7> kEnds = {"_count", "_delay", "_sum",   "_avg",
                                                     "_flips", "_flt",   "_faults"};
  constexpr std::array<std::string_view, 3> kBegins = {"nr_wakeups", "nr_failed_migrations",
                                                       "nr_forced_migrations"};
  return is_one_of(name, kNames) || ends_with_one_of(name, kEnds) ||
         leads_through_statistics(path) ||
         std::ranges::any_of(kBegins,
                             [&](std::string_view begin) { return name.starts_with(begin); });
}

// How many tasks a runqueue holds, which CPU a task is on, and whether it runs, waits or sleeps:
// the tick of another task changes it.
bool is_momentary(const ValueName& value) {
  constexpr std::array<std::string_view, 9> kOfCpu = {
      "curr", "next", "donor", "stop", "flags", "idle", "preempt_count", "count", "need_resched"};
  constexpr std::array<std::string_view, 17> kOfTask = {
      "on_cpu",       "cpu",       "wake_cpu",    "recent_used_cpu",
      "last_wakee",   "on_rq",     "__state",     "sched_delayed",
      "dsq",          "ops_state", "ddsp_dsq_id", "ddsp_enq_flags",
      "dsq_flags",    "dsq_seq",   "holding_cpu", "selected_cpu",
      "preempt_count"};
  if (is_one_of(value.name, kOfTask)) return true;
  // These say whether a sched_ext entity is queued.
  if (value.path.ends_with("scx.flags") ||
      value.path.find("runnable_node") != std::string_view::npos)
    return true;
  if (!value.per_cpu) return value.name == "nr_running" || value.name == "nr_threads";
  return value.name.starts_with("nr_") || value.name.starts_with("h_nr_") ||
         is_one_of(value.name, kOfCpu);
}

// Length of the number that the text begins with; 0 if it does not begin with one.
size_t number_length(std::string_view text) {
  size_t n = 0;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    n = 2;
    while (n < text.size() && is_hex_digit(text[n])) ++n;
    return n;
  }
  while (n < text.size() && (is_digit(text[n]) || (text[n] == '.' && n + 1 < text.size() && n > 0 &&
                                                   is_digit(text[n + 1])))) {
    ++n;
  }
  return n;
}

}  // namespace

std::string variation_text(Variation variation) {
  switch (variation) {
    case Variation::kNone: return "";
    case Variation::kBytes: return "the bytes of a whole object";
    case Variation::kMomentary: return "what a CPU or a task did at that instant";
    case Variation::kAddress: return "an address";
    case Variation::kTime: return "a time";
    case Variation::kProcessId: return "a process id";
    case Variation::kCount: return "a count of events";
  }
  return "";
}

bool zero_is_significant(Variation variation) {
  return variation != Variation::kMomentary && variation != Variation::kCount;
}

Variation how_it_varies(const ValueName& value) {
  if (value.bytes) return Variation::kBytes;
  // Before the type: a momentary pointer (curr) varies although it is an address.
  if (is_momentary(value)) return Variation::kMomentary;
  if (value.type.ends_with('*')) return Variation::kAddress;
  if (is_process_id(value.name, value.type)) return Variation::kProcessId;
  if (is_count_of_events(value.name, value.path)) return Variation::kCount;
  if (is_time(value.name, value.type)) return Variation::kTime;
  return Variation::kNone;
}

bool is_enum_like(std::string_view name, std::string_view type) {
  constexpr std::array<std::string_view, 13> kNames = {
      "policy", "prio", "static_prio", "normal_prio", "rt_priority", "state",     "__state",
      "flags",  "cpu",  "on_rq",       "on_cpu",      "wake_cpu",    "exit_state"};
  return type.starts_with("enum ") || type == "bool" || type == "_Bool" || type.ends_with('*') ||
         is_one_of(name, kNames);
}

std::string without_numbers(std::string_view text) {
  std::string out;
  bool in_word = false;  // digits inside a name are part of it
  // "sched_ext2" is a name, not a name and a number.
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
