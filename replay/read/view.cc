// SPDX-License-Identifier: Apache-2.0
#include "replay/read/view.h"

#include <algorithm>

#include "replay/read/task_columns.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// One reason for each kind of gap is enough.
constexpr size_t kMaxGaps = 20;
constexpr size_t kMaxCellText = 256;

std::string reason_of(const Error& error) {
  return error.code == ErrorCode::kNotApplicable ? "not captured" : printable(error.message);
}

}  // namespace

ViewCell ViewCell::of(std::string text) {
  if (text.size() > kMaxCellText) text = bounded(text, kMaxCellText);
  return {std::move(text), ""};
}

ViewCell ViewCell::of(const Error& error) { return {std::nullopt, reason_of(error)}; }

void ViewTable::lacks(std::string_view what, const Error& why) {
  std::string gap = std::string(what) + ": " + reason_of(why);
  if (gaps.size() < kMaxGaps && std::ranges::find(gaps, gap) == gaps.end())
    gaps.push_back(std::move(gap));
}

ExitCode ViewTable::code() const {
  const bool is_whole =
      gaps.empty() && std::ranges::all_of(rows, [](const auto& row) {
        return std::ranges::all_of(row, [](const ViewCell& cell) { return cell.missing.empty(); });
      });
  return is_whole ? ExitCode::kGood : ExitCode::kInconclusive;
}

namespace {

// Those of a task follow.
std::vector<std::string> with_task_columns(std::vector<std::string> columns) {
  columns.insert(columns.end(), task_columns().begin(), task_columns().end());
  return columns;
}

}  // namespace

const std::vector<View>& views() {
  static const std::vector<View> all = {
      {"dsqs",
       "dispatch queues of sched_ext: id, length, scheduler, first tasks",
       {"id", "name", "place", "nr", "scheduler", "tasks"},
       dsqs_view},
      {"tasks", "tasks and threads: state, policy, class, CPU, DSQ, vtime",
       with_task_columns({"pid", "tgid", "comm"}), tasks_view},
      {"workers", "the scenario's workers, with the same columns",
       with_task_columns({"name", "pid"}), workers_view},
      {"runqueues",
       "each CPU's runqueue: current task, number of tasks of each class",
       {"cpu", "nr_running", "curr", "fair", "rt", "dl", "ext", "local_dsq", "clock"},
       runqueues_view},
      {"maps",
       "BPF maps: id, name, type, sizes",
       {"id", "name", "type", "key_size", "value_size", "max_entries"},
       maps_view},
      {"cgroups",
       "task groups: path of the cgroup, id, weight",
       {"path", "id", "weight", "scx_weight", "idle", "quota"},
       cgroups_view},
  };
  return all;
}

const View* find_view(std::string_view name) {
  const auto found = std::ranges::find(views(), name, &View::name);
  return found == views().end() ? nullptr : &*found;
}

}  // namespace ktape
