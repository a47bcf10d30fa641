// SPDX-License-Identifier: Apache-2.0
#include "replay/report/worker_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/text.h"
#include "schema/wire/value_number.h"

namespace ktape {

namespace {

// "kworker/0:1" of "kworker/0:1[33].on_rq": a task that is not a worker.
std::string comm_of_tag(std::string_view tag) { return std::string(tag.substr(0, tag.rfind('['))); }

struct Read {
  std::string worker;
  std::map<std::string, uint64_t> fields;  // by path
};

}  // namespace

WaitingTasks waiting_in_reads(schema::OpRequested::Reader request, schema::OpReplied::Reader reply,
                              const std::set<int32_t>& others, uint32_t hz, uint32_t cpus,
                              const Btf* btf) {
  std::optional<uint64_t> jiffies;
  std::map<int32_t, Read> workers;
  const auto asked = request.getEntries();
  const auto got = reply.getEntries();
  // An untrusted tape may have fewer replies than entries.
  for (unsigned i = 0; i < std::min(asked.size(), got.size()); ++i) {
    const auto target = asked[i].getTarget();
    const auto value = number_of(got[i].getValue());
    if (got[i].getStatus() != schema::EntryStatus::DONE || !value) continue;
    if (target.isSymbol() && chars(target.getSymbol()) == "jiffies_64") jiffies = value;
    if (!target.isTask()) continue;
    Read& read = workers[target.getTask().getPid()];
    read.worker = chars(target.getTask().getWorker());
    if (read.worker.empty()) read.worker = comm_of_tag(chars(asked[i].getTag()));
    read.fields[std::string(chars(target.getPath()))] = *value;
  }
  WaitingTasks waiting;
  for (const auto& [pid, read] : workers) {
    const auto field = [&, &fields = read.fields](const char* path) {
      const auto it = fields.find(path);
      return it == fields.end() ? std::nullopt : std::optional(it->second);
    };
    const auto dsq = field("scx.dsq->id");
    const auto since = field("scx.runnable_at");
    if (others.contains(pid) || field("on_rq").value_or(0) == 0 || !since) continue;
    WaitingTask task;
    task.pid = pid;
    task.comm = read.worker;
    if (dsq) task.dsq = btf != nullptr ? dsq_name(*btf, *dsq) : fmt::format("{:#x}", *dsq);
    if (jiffies && hz != 0 && *since <= *jiffies)
      task.waiting_ms = static_cast<uint64_t>(static_cast<double>(*jiffies - *since) * 1000.0 / hz);
    // The recorder reads only this word of the mask: a machine has at most 64 CPUs.
    if (const auto mask = field("cpus_mask.bits[0]")) task.cpus = cpu_list({*mask}, cpus);
    waiting.tasks.push_back(std::move(task));
  }
  keep_longest(waiting);
  return waiting;
}

}  // namespace ktape
