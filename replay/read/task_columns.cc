// SPDX-License-Identifier: Apache-2.0
#include "replay/read/task_columns.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "guest/kernel/sched/tasks.h"
#include "guest/kernel/survey/waiting_tasks.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// The letters are those of ps(1), the names those of /proc/PID/status: include/linux/sched.h,
// __task_state_index(), and fs/proc/array.c, task_state_array. The highest bit counts.
std::string state_text(uint64_t state, uint64_t exit_state) {
  constexpr std::pair<uint64_t, std::string_view> kStates[] = {
      {0x40, "P parked"},  {0x20, "Z zombie"},     {0x10, "X dead"},    {0x08, "t tracing stop"},
      {0x04, "T stopped"}, {0x02, "D disk sleep"}, {0x01, "S sleeping"}};
  constexpr uint64_t kIdle = 0x402;       // TASK_IDLE, which is TASK_UNINTERRUPTIBLE | TASK_NOLOAD
  constexpr uint64_t kAsInDisk = 0x9000;  // TASK_FROZEN | TASK_RTLOCK_WAIT
  if ((state & kAsInDisk) != 0) return "D disk sleep";
  if ((state & kIdle) == kIdle) return "I idle";
  for (const auto& [bit, text] : kStates) {
    if (((state | exit_state) & bit) != 0) return std::string(text);
  }
  return "R running";
}

// include/uapi/linux/sched.h
std::string policy_text(uint64_t policy) {
  switch (policy) {
    case 0: return "normal";
    case 1: return "fifo";
    case 2: return "rr";
    case 3: return "batch";
    case 5: return "idle";
    case 6: return "deadline";
    case 7: return "ext";
    default: return std::to_string(policy);
  }
}

template <typename Text>
ViewCell cell_of(const Result<std::optional<uint64_t>>& number, const Text& text) {
  if (!number.ok()) return ViewCell::of(number.error());
  return *number ? ViewCell::of(text(**number)) : ViewCell();
}

ViewCell state_cell(KernelObjects& objects, GuestVirtual task) {
  // `state` became `__state` in 2f064a59a11f ("sched: Change task_struct::state").
  const auto state = objects.number({task, kTaskStruct}, {"__state", "state"});
  const auto exited = objects.number({task, kTaskStruct}, {"exit_state"});
  return cell_of(state, [&](uint64_t bits) {
    return state_text(bits, exited.ok() ? exited->value_or(0) : 0);
  });
}

ViewCell class_cell(KernelObjects& objects, GuestVirtual task) {
  return cell_of(objects.number({task, kTaskStruct}, {"sched_class"}), [&](uint64_t address) {
    constexpr std::string_view kSuffix = "_sched_class";
    std::string name = objects.kernel().describe(GuestVirtual(address));
    if (name.empty()) return fmt::format("{:#x}", address);
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    return printable(name);
  });
}

ViewCell dsq_cell(KernelObjects& objects, GuestVirtual task) {
  const auto queue = objects.pointer({task, kTaskStruct}, {"scx.dsq"});
  if (!queue.ok()) return ViewCell::of(queue.error());
  if (!*queue) return {};
  return cell_of(objects.number({**queue, "struct scx_dispatch_q"}, {"id"}),
                 [&](uint64_t id) { return dsq_name(objects.kernel().btf(), id); });
}

}  // namespace

const std::vector<std::string>& task_columns() {
  static const std::vector<std::string> names = {"state", "policy", "class", "cpu",   "on_cpu",
                                                 "on_rq", "dsq",    "vtime", "slice", "cpus"};
  return names;
}

std::vector<ViewCell> task_cells(KernelObjects& objects, GuestVirtual task) {
  const KernelObject of{task, kTaskStruct};
  return {state_cell(objects, task),       cell_of(objects.number(of, {"policy"}), policy_text),
          class_cell(objects, task),       objects.cell(of, {"thread_info.cpu", "cpu"}),
          objects.cell(of, {"on_cpu"}),    objects.cell(of, {"on_rq"}),
          dsq_cell(objects, task),         objects.cell(of, {"scx.dsq_vtime"}),
          objects.cell(of, {"scx.slice"}), objects.cell(of, {"cpus_mask"})};
}

}  // namespace ktape
