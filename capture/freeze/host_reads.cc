// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/host_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "guest/kernel/ops/gates.h"
#include "schema/base/text.h"
#include "schema/terms/stalled_task.h"

namespace ktape {

namespace {

// Limits how long a guest with many workers stays frozen.
constexpr size_t kMaxWorkers = 64;
constexpr size_t kMaxNameBytes = 256;
constexpr std::string_view kTask = "struct task_struct";
constexpr std::string_view kDsqId = "scx.dsq->id";

struct TaskField {
  std::string_view path;
  std::string_view needs;  // member of struct task_struct that the kernel must have
};
// Fields with the scheduling state of a task: whether it is runnable, where it may run, which DSQ
// it is in, and since when.
constexpr std::array kTaskFields = {
    TaskField{"__state", "__state"},
    TaskField{"on_rq", "on_rq"},
    TaskField{"cpus_mask.bits[0]", "cpus_mask.bits"},
    TaskField{"scx.dsq", "scx.dsq"},
    TaskField{kDsqId, "scx.dsq"},
    TaskField{"scx.runnable_at", "scx.runnable_at"},
};

struct Entry {
  std::string tag;
  std::string_view path;
  schema::ValueKind kind = schema::ValueKind::AUTO;
  std::function<void(schema::Target::Builder)> root;
};

}  // namespace

void HostReads::adopted(const Kernel& kernel) {
  kernel_ = &kernel;
  // Only for itself: what the host looks at to choose its reads is not an op's field.
  LayoutLog log(kernel.btf());
  Result<TaskFinder> finder = TaskFinder::create(kernel, log);
  if (finder.ok()) finder_ = *finder;
}

bool HostReads::worker_started(schema::WorkerStarted::Reader worker) {
  // Names are the guest's; they become tags on the tape.
  if (worker.getPid() <= 0 || worker.getName().size() > kMaxNameBytes ||
      workers_.size() >= kMaxWorkers)
    return false;
  const std::string name = worker.getName().cStr();
  workers_.push_back({name, name, worker.getPid(), worker.getStartBoottimeNs()});
  return true;
}

std::optional<GuestVirtual> HostReads::find(const GuestMemory& memory, int32_t pid) const {
  if (!finder_) return std::nullopt;
  const Result<std::optional<GuestVirtual>> task = finder_->find(memory, Pid(pid));
  return task.ok() ? *task : std::nullopt;
}

// The task named in the exit message, unless it is a worker.
std::optional<HostReads::Task> HostReads::stalled(const GuestMemory& memory,
                                                  const ScxExit& exit) const {
  const std::optional<StalledTask> named = stalled_task(exit.message);
  if (!named) return std::nullopt;
  // A worker is read anyway, under its own name.
  const bool worker = std::any_of(workers_.begin(), workers_.end(),
                                  [&](const Task& task) { return task.pid == named->pid.value; });
  const std::optional<GuestVirtual> task = worker ? std::nullopt : find(memory, named->pid.value);
  const Result<FieldInfo> start = kernel_->btf().field(kTask, "start_boottime");
  if (!task || !start.ok()) return std::nullopt;
  const Result<uint64_t> started = kernel_->read_uint(memory, *task + start->offset_bytes, 8);
  if (!started.ok()) return std::nullopt;
  // As the agent would report it: rounded down to a clock tick, for gate identity.
  return Task{fmt::format("{}[{}]", printable(named->comm), named->pid.value), "", named->pid.value,
              *started / kClockTickNs * kClockTickNs};
}

bool HostReads::in_no_dsq(const GuestMemory& memory, int32_t pid) const {
  // The id of a DSQ that is NULL would be a failed entry in each freeze.
  const std::optional<GuestVirtual> task = find(memory, pid);
  const Result<FieldInfo> dsq = kernel_->btf().field(kTask, "scx.dsq");
  if (!task || !dsq.ok()) return false;
  const Result<uint64_t> pointer = kernel_->read_uint(memory, *task + dsq->offset_bytes, 8);
  return pointer.ok() && *pointer == 0;
}

void HostReads::fill(const GuestMemory& memory, const std::vector<ScxExit>& exits,
                     schema::OpRequest::Builder reads) const {
  std::vector<Entry> entries;
  entries.push_back({"jiffies_64", "", schema::ValueKind::U64,
                     [](schema::Target::Builder target) { target.setSymbol("jiffies_64"); }});
  std::vector<Task> tasks = workers_;
  for (const ScxExit& exit : exits) {
    // The first exit has no number, so that tags are the same as in runs with one exit.
    const std::string number =
        &exit == exits.data() ? "" : fmt::format("[{}]", &exit - exits.data());
    for (const char* member : {"kind", "exit_code"}) {
      entries.push_back({fmt::format("scx_exit_info{}.{}", number, member), member,
                         schema::ValueKind::AUTO, [&](schema::Target::Builder target) {
                           target.initVirtual().setAddress(exit.address.value);
                           target.getVirtual().setType("struct scx_exit_info");
                         }});
    }
    std::optional<Task> task = stalled(memory, exit);
    const bool known = task && std::ranges::any_of(tasks, [&](const Task& other) {
                         return other.pid == task->pid;
                       });
    // Two schedulers may complain about one task.
    if (task && !known) tasks.push_back(std::move(*task));
  }
  for (const Task& task : tasks) {
    const bool queued = !in_no_dsq(memory, task.pid);
    for (const TaskField& field : kTaskFields) {
      // A kernel without sched_ext has only the first three.
      if (!kernel_->btf().has_field(kTask, field.needs) || (field.path == kDsqId && !queued))
        continue;
      entries.push_back({fmt::format("{}.{}", task.name, field.path), field.path,
                         schema::ValueKind::AUTO, [&](schema::Target::Builder target) {
                           target.initTask().setWorker(task.worker);
                           target.getTask().setPid(task.pid);
                           target.getTask().setStartBoottimeNs(task.start_boottime_ns);
                         }});
    }
  }
  auto to = reads.initEntries(static_cast<unsigned>(entries.size()));
  for (unsigned i = 0; i < to.size(); ++i) {
    to[i].setTag(entries[i].tag);
    to[i].setRead(entries[i].kind);
    to[i].initTarget().setPath(std::string(entries[i].path));
    entries[i].root(to[i].getTarget());
  }
}

}  // namespace ktape
