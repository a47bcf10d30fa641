// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/worker_facts.h"

#include <algorithm>
#include <array>

#include "guest/inside/base/sysfs_text.h"
#include "guest/inside/workers/proc_stat.h"
#include "schema/base/file.h"

namespace ktape {

namespace {

constexpr size_t kFactsLimitBytes = size_t{4} << 20;  // timer_list grows with the CPUs

// proc_pid_stat(5) numbers the fields from 1.
constexpr std::array<std::pair<const char*, size_t>, 8> kStatFields = {{{"state", 3},
                                                                        {"priority", 18},
                                                                        {"nice", 19},
                                                                        {"num_threads", 20},
                                                                        {"starttime", 22},
                                                                        {"processor", 39},
                                                                        {"rt_priority", 40},
                                                                        {"policy", 41}}};
// Names as in proc_sched_show_task() of kernel/sched/debug.c.
constexpr std::array<const char*, 4> kSchedLines = {"se.load.weight", "policy", "prio",
                                                    "ext.enabled"};

void put(Facts& facts, std::string name, std::string_view value) {
  if (!value.empty()) facts.emplace_back(std::move(name), value);
}

std::string text_of(const std::string& path) {
  Result<std::string> text = read_text_file(path, kFactsLimitBytes);
  return text.ok() ? std::move(text).value() : "";
}

}  // namespace

std::string_view sched_value(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && trim(line.substr(0, colon)) == name) {
      return trim(line.substr(colon + 1));
    }
  }
  return "";
}

std::string_view jiffies_in(std::string_view timer_list) {
  // The leading newline keeps other names that end in "jiffies" from matching.
  constexpr std::string_view kName = "\njiffies: ";
  const size_t at = timer_list.find(kName);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = timer_list.substr(at + kName.size());
  return rest.substr(0, rest.find('\n'));
}

Result<Facts> read_worker_facts(Pid pid) {
  KTAPE_ASSIGN(const ProcStat stat, read_proc_stat(pid));
  Facts facts = {{"pid", std::to_string(pid.value)}, {"comm", stat.comm}};
  for (const auto& [name, number] : kStatFields) put(facts, name, stat.field(number));
  // A kernel without CONFIG_SCHED_DEBUG has no such file, and then no such lines are reported.
  const std::string sched = text_of("/proc/" + std::to_string(pid.value) + "/sched");
  for (const char* name : kSchedLines)
    put(facts, std::string("sched.") + name, sched_value(sched, name));
  const std::string uptime = text_of("/proc/uptime");
  put(facts, "uptime", std::string_view(uptime).substr(0, uptime.find(' ')));
  put(facts, "jiffies", jiffies_in(text_of("/proc/timer_list")));
  return facts;
}

}  // namespace ktape
