// SPDX-License-Identifier: Apache-2.0

// The views of tasks, workers and runqueues.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "guest/kernel/ops/gates.h"
#include "guest/kernel/sched/tasks.h"
#include "replay/read/kernel_objects.h"
#include "replay/read/task_columns.h"
#include "replay/read/view.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr std::string_view kRunqueue = "struct rq";

void add_task(KernelObjects& objects, GuestVirtual task, std::vector<ViewCell> row,
              ViewTable& table) {
  std::ranges::move(task_cells(objects, task), std::back_inserter(row));
  table.rows.push_back(std::move(row));
}

// The task of a worker; nothing if it has ended, or another task has its pid.
Result<std::optional<GuestVirtual>> task_of(KernelObjects& objects, const RecordedWorker& worker) {
  LayoutLog log(objects.kernel().btf());
  KTAPE_ASSIGN(const TaskFinder finder, TaskFinder::create(objects.kernel(), log));
  KTAPE_ASSIGN(const std::optional<GuestVirtual> task,
               finder.find(objects.source().memory, worker.pid));
  if (!task) return task;
  KTAPE_ASSIGN(const auto start, objects.number({*task, kTaskStruct}, {"start_boottime"}));
  const bool is_same = start && *start / kClockTickNs == worker.start_boottime_ns / kClockTickNs;
  return is_same ? task : std::nullopt;
}

ViewCell running(KernelObjects& objects, const KernelObject& rq) {
  const auto task = objects.pointer(rq, {"curr"});
  if (!task.ok()) return ViewCell::of(task.error());
  return *task ? objects.task_name(**task) : ViewCell();
}

}  // namespace

void tasks_view(const ViewSource& source, ViewTable& table) {
  KernelObjects objects(source);
  const auto pids = source.kernel.symbol("init_pid_ns");
  if (!pids.ok()) {
    table.lacks("tasks", pids.error());
    return;
  }
  // The kernel's table of pids, as TaskFinder: every thread, in the order of pids. The idle tasks
  // are not in it.
  const uint64_t type = source.kernel.btf().enumerator("pid_type", "PIDTYPE_PID").value_or(0);
  const std::string path = fmt::format(
      "idr{{xarray struct pid 65536}}.tasks[{0}]{{hlist struct task_struct pid_links[{0}] 1}}",
      type);
  const KernelObject pid_namespace{*pids, "struct pid_namespace"};
  for (const GuestVirtual task : objects.walk(pid_namespace, path, table, "tasks")) {
    if (objects.is_spent(table)) return;
    const KernelObject of{task, kTaskStruct};
    add_task(objects, task,
             {objects.cell(of, {"pid"}), objects.cell(of, {"tgid"}), objects.cell(of, {"comm"})},
             table);
  }
}

void workers_view(const ViewSource& source, ViewTable& table) {
  KernelObjects objects(source);
  for (const RecordedWorker& worker : source.index.workers()) {
    if (objects.is_spent(table)) return;
    if (worker.started > source.freeze.began) continue;
    std::vector<ViewCell> row = {ViewCell::of(printable(worker.name)),
                                 ViewCell::of(std::to_string(worker.pid.value))};
    const auto task = task_of(objects, worker);
    if (task.ok() && *task) {
      add_task(objects, **task, std::move(row), table);
      continue;
    }
    row.push_back(task.ok() ? ViewCell::of("ended") : ViewCell::of(task.error()));
    row.resize(table.columns.size());
    table.rows.push_back(std::move(row));
  }
}

void runqueues_view(const ViewSource& source, ViewTable& table) {
  KernelObjects objects(source);
  for (uint32_t cpu = 0; cpu < source.kernel.facts().cpus; ++cpu) {
    const auto rq = source.kernel.per_cpu(source.memory, "runqueues", CpuId(cpu));
    if (!rq.ok()) {
      table.lacks(fmt::format("CPU {}", cpu), rq.error());
      continue;
    }
    const KernelObject of{*rq, kRunqueue};
    // 736c55a02c47 ("sched/fair: Rename cfs_rq.nr_running into nr_queued")
    table.rows.push_back(
        {ViewCell::of(std::to_string(cpu)), objects.cell(of, {"nr_running"}), running(objects, of),
         objects.cell(of, {"cfs.h_nr_queued", "cfs.h_nr_running"}),
         objects.cell(of, {"rt.rt_nr_running"}), objects.cell(of, {"dl.dl_nr_running"}),
         objects.cell(of, {"scx.nr_running"}), objects.cell(of, {"scx.local_dsq.nr"}),
         objects.cell(of, {"clock"})});
  }
}

}  // namespace ktape
