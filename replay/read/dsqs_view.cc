// SPDX-License-Identifier: Apache-2.0

// The view of sched_ext's dispatch queues (kernel/sched/ext.c).

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "guest/kernel/sched/sched_ext_state.h"
#include "guest/kernel/survey/waiting_tasks.h"
#include "guest/kernel/types/sizes.h"
#include "replay/read/kernel_objects.h"
#include "replay/read/view.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr std::string_view kQueue = "struct scx_dispatch_q";
constexpr std::string_view kScheduler = "struct scx_sched";
constexpr std::string_view kHash = "{rhashtable struct scx_dispatch_q hash_node 65536}";
constexpr std::string_view kTasks = "list{list struct task_struct scx.dsq_list.node 65536}";
constexpr size_t kFirstTasks = 5;
constexpr uint64_t kMaxNodes = 1024;  // the maximum that CONFIG_NODES_SHIFT allows

class Dsqs {
 public:
  Dsqs(const ViewSource& source, ViewTable& table)
      : objects_(source), source_(source), table_(table) {}

  void fill() {
    schedulers();
    local_queues();
  }

 private:
  void schedulers() {
    const auto reader = SchedExtReader::create(source_.kernel);
    if (!reader.ok()) {
      if (source_.kernel.btf().type(std::string(kScheduler)).ok())
        table_.lacks("schedulers", reader.error());
      return without_objects();
    }
    const auto linked = (*reader)->linked(source_.memory);
    if (!linked.ok()) return table_.lacks("schedulers", linked.error());
    if (linked->more) table_.lacks("schedulers", too_many_schedulers());
    for (const GuestVirtual address : linked->addresses) {
      const auto state = (*reader)->read(source_.memory, address);
      scheduler({address, kScheduler},
                state.ok() ? ViewCell::of(printable(state->name)) : ViewCell::of(state.error()));
    }
  }

  static Error too_many_schedulers() {
    return {ErrorCode::kOutOfRange,
            fmt::format("there are more than {}", SchedExtReader::kMaxSchedulers), ""};
  }

  // Before "sched_ext: Introduce scx_sched" (6.16) there is one scheduler, in variables.
  void without_objects() {
    const auto hash = source_.kernel.symbol("dsq_hash");
    if (hash.ok()) hashed({*hash, "struct rhashtable"}, kHash, {});
    const auto global = source_.kernel.symbol("global_dsqs");
    if (global.ok()) nodes(*global, 0, {});
  }

  void scheduler(const KernelObject& of, const ViewCell& name) {
    if (objects_.part(of, "dsq_hash")) hashed(of, fmt::format("dsq_hash{}", kHash), name);
    if (const auto array = objects_.part(of, "global_dsqs")) nodes(*array, 0, name);
    const auto queue = objects_.part({GuestVirtual(), "struct scx_sched_pnode"}, "global_dsq");
    const auto array = objects_.part(of, "pnode");
    if (array && queue) nodes(*array, queue->value, name);
    bypass_queues(of, name);
  }

  void hashed(const KernelObject& from, std::string_view path, const ViewCell& scheduler) {
    for (const GuestVirtual at : objects_.walk(from, path, table_, "DSQs"))
      queue(at, ViewCell(), scheduler);
  }

  // `array`: the place of a pointer to an array, indexed by NUMA node, of pointers to objects with
  // a DSQ at `offset`.
  void nodes(GuestVirtual array, uint64_t offset, const ViewCell& name) {
    const auto read = [&](GuestVirtual at) {
      return source_.kernel.read_uint(source_.memory, at, kPointerBytes);
    };
    const Result<uint64_t> base = read(array);
    if (!base.ok()) return table_.lacks("global DSQs", base.error());
    for (uint64_t node = 0; *base != 0 && node < node_count(); ++node) {
      const Result<uint64_t> at = read(GuestVirtual(*base) + node * kPointerBytes);
      if (!at.ok()) return table_.lacks("global DSQs", at.error());
      if (*at != 0)
        queue(GuestVirtual(*at) + offset, ViewCell::of(fmt::format("node {}", node)), name);
    }
  }

  uint64_t node_count() const {
    const auto symbol = source_.kernel.symbol("nr_node_ids");
    if (!symbol.ok()) return 1;
    const auto count = source_.kernel.read_uint(source_.memory, *symbol, sizeof(uint32_t));
    return count.ok() ? std::min(*count, kMaxNodes) : 1;
  }

  void bypass_queues(const KernelObject& of, const ViewCell& name) {
    const auto queue = objects_.part({GuestVirtual(), "struct scx_sched_pcpu"}, "bypass_dsq");
    const auto pointer = objects_.pointer(of, {"pcpu"});
    if (!pointer.ok()) return table_.lacks("bypass DSQs", pointer.error());
    if (!queue || !*pointer) return;
    for (uint32_t cpu = 0; cpu < source_.kernel.facts().cpus; ++cpu) {
      const auto at = source_.kernel.per_cpu_pointer(source_.memory, (*pointer)->value, CpuId(cpu));
      if (!at.ok()) return table_.lacks("bypass DSQs", at.error());
      this->queue(*at + queue->value, on_cpu(cpu), name);
    }
  }

  // Those in the runqueues, which belong to no scheduler. Which of them there are depends on the
  // release.
  void local_queues() {
    for (uint32_t cpu = 0; cpu < source_.kernel.facts().cpus; ++cpu) {
      const auto rq = source_.kernel.per_cpu(source_.memory, "runqueues", CpuId(cpu));
      if (!rq.ok()) {
        table_.lacks("local DSQs", rq.error());
        continue;
      }
      for (const char* name : {"scx.local_dsq", "scx.bypass_dsq", "scx.reject_dsq"}) {
        if (const auto at = objects_.part({*rq, "struct rq"}, name)) queue(*at, on_cpu(cpu), {});
      }
    }
  }

  static ViewCell on_cpu(uint32_t cpu) { return ViewCell::of(fmt::format("cpu {}", cpu)); }

  void queue(GuestVirtual at, const ViewCell& place, const ViewCell& scheduler) {
    if (objects_.is_spent(table_)) return;
    const KernelObject of{at, kQueue};
    const auto id = objects_.number(of, {"id"});
    const ViewCell number = !id.ok() ? ViewCell::of(id.error())
                            : *id    ? ViewCell::of(fmt::format("{:#x}", **id))
                                     : ViewCell();
    const ViewCell name =
        id.ok() && *id ? ViewCell::of(dsq_name(source_.kernel.btf(), **id)) : number;
    table_.rows.push_back(
        {number, name, place, objects_.cell(of, {"nr"}), scheduler, first_tasks(of)});
  }

  // "a[1], b[2] and 3 more"
  ViewCell first_tasks(const KernelObject& of) {
    ViewTable own;
    const std::vector<GuestVirtual> tasks = objects_.walk(of, kTasks, own, "");
    std::string text;
    for (size_t i = 0; i < tasks.size() && i < kFirstTasks; ++i) {
      const ViewCell name = objects_.task_name(tasks[i]);
      text += fmt::format("{}{}", i == 0 ? "" : ", ", name.text.value_or("not captured"));
    }
    if (tasks.size() > kFirstTasks) text += fmt::format(" and {} more", tasks.size() - kFirstTasks);
    ViewCell cell = text.empty() ? ViewCell() : ViewCell::of(text);
    // Its reason begins ": ", without a subject.
    if (!own.gaps.empty()) cell.missing = own.gaps.front().substr(2);
    return cell;
  }

  KernelObjects objects_;
  const ViewSource& source_;
  ViewTable& table_;
};

}  // namespace

void dsqs_view(const ViewSource& source, ViewTable& table) { Dsqs(source, table).fill(); }

}  // namespace ktape
