// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/waiting_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "guest/kernel/types/sizes.h"
#include "guest/kernel/types/survey_types.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kTask[] = "struct task_struct";
// A list that does not come back to its head must end somewhere.
constexpr size_t kMaxTasks = 65536;
constexpr uint64_t kMaxMaskWords = 128;  // CONFIG_NR_CPUS is at most 8192

// Walks the tasks in a memory. What cannot be read makes the result incomplete, never wrong.
class Walk {
 public:
  Walk(const Kernel& kernel, const GuestMemory& memory) : kernel_(kernel), memory_(memory) {
    const Btf& btf = kernel.btf();
    tasks_ = offset_of(btf, kTask, "tasks");
    signal_ = offset_of(btf, kTask, "signal");
    thread_node_ = offset_of(btf, kTask, "thread_node");
    thread_head_ = offset_of(btf, "struct signal_struct", "thread_head");
    runnable_node_ = offset_of(btf, kTask, "scx.runnable_node");
    dsq_ = offset_of(btf, kTask, "scx.dsq");
    dsq_id_ = offset_of(btf, "struct scx_dispatch_q", "id");
    runnable_at_ = field_of(btf, kTask, "scx.runnable_at");
    pid_ = field_of(btf, kTask, "pid");
    comm_ = field_of(btf, kTask, "comm");
    mask_ = field_of(btf, kTask, "cpus_mask.bits");
    cpu_ = field_of(btf, kTask, "thread_info.cpu");
    if (!cpu_) cpu_ = field_of(btf, kTask, "cpu");  // without CONFIG_THREAD_INFO_IN_TASK
  }

  Result<WaitingTasks> run() {
    if (!tasks_ || !pid_ || (!runnable_node_ && !dsq_)) {
      return Error{ErrorCode::kNotApplicable, "this kernel has no sched_ext", ""};
    }
    KTAPE_ASSIGN(const GuestVirtual first, kernel_.symbol("init_task"));
    if (!pointer(first + *tasks_)) {
      return Error{ErrorCode::kNotApplicable, "the first task was not captured", ""};
    }
    if (const auto jiffies = kernel_.symbol("jiffies_64"); jiffies.ok())
      jiffies_ = number(*jiffies, 8);
    // The head of the list is in init_task, so list() does not visit that task.
    process(first);
    list(first + *tasks_, [&](GuestVirtual link) { process(GuestVirtual(link.value - *tasks_)); });
    keep_longest(found_);
    return std::move(found_);
  }

 private:
  std::optional<uint64_t> number(GuestVirtual at, size_t width) {
    const Result<uint64_t> value = kernel_.read_uint(memory_, at, width);
    if (value.ok()) return *value;
    found_.incomplete = true;
    return std::nullopt;
  }
  std::optional<uint64_t> pointer(GuestVirtual at) { return number(at, kPointerBytes); }
  std::optional<uint64_t> member(GuestVirtual task, const std::optional<FieldInfo>& field) {
    if (!field) return std::nullopt;
    return number(task + field->offset_bytes, field->type.size_bytes);
  }

  void list(GuestVirtual head, const std::function<void(GuestVirtual)>& visit) {
    std::optional<uint64_t> at = pointer(head);
    while (at && *at != head.value) {
      if (seen_links_ >= kMaxTasks) {
        found_.incomplete = true;
        return;
      }
      ++seen_links_;
      const GuestVirtual link(*at);
      at = pointer(link);
      // Only if its own link can be read: else nothing of the task was captured there.
      if (at) visit(link);
    }
  }

  void process(GuestVirtual leader) {
    // The list of threads has the leader, too, but may not have been captured.
    task(leader);
    if (!signal_ || !thread_head_ || !thread_node_) return;
    const auto signal = pointer(leader + *signal_);
    if (!signal || *signal == 0) return;
    list(GuestVirtual(*signal) + *thread_head_,
         [&](GuestVirtual link) { task(GuestVirtual(link.value - *thread_node_)); });
  }

  void task(GuestVirtual at) {
    // A leader comes twice: by itself and among its threads.
    if (!seen_.insert(at.value).second) return;
    const GuestVirtual node = at + runnable_node_.value_or(0);
    const uint64_t next = runnable_node_ ? pointer(node).value_or(0) : 0;
    const uint64_t dsq = dsq_ ? pointer(at + *dsq_).value_or(0) : 0;
    // A node in no list points to itself; one that was never initialised is zero.
    if (dsq != 0 || (next != 0 && next != node.value)) found_.tasks.push_back(describe(at, dsq));
  }

  WaitingTask describe(GuestVirtual at, uint64_t dsq) {
    WaitingTask task;
    task.pid = static_cast<int32_t>(member(at, pid_).value_or(0));
    task.comm = text(at);
    if (dsq != 0) {
      const auto id = dsq_id_ ? number(GuestVirtual(dsq) + *dsq_id_, 8) : std::nullopt;
      task.dsq = id ? dsq_name(kernel_.btf(), *id) : "not captured";
    }
    task.waiting_ms = waiting(at);
    task.cpus = mask(at);
    if (const auto cpu = member(at, cpu_)) task.last_cpu = static_cast<uint32_t>(*cpu);
    return task;
  }

  std::string text(GuestVirtual at) {
    std::array<char, 16> bytes{};  // TASK_COMM_LEN
    if (!comm_ ||
        !kernel_.read(memory_, at + comm_->offset_bytes, std::as_writable_bytes(std::span(bytes)))
             .ok())
      return "";
    return {bytes.data(), static_cast<size_t>(std::ranges::find(bytes, '\0') - bytes.begin())};
  }

  // Counted as by check_rq_for_timeouts() of kernel/sched/ext.c.
  std::optional<uint64_t> waiting(GuestVirtual at) {
    const auto since = member(at, runnable_at_);
    const uint32_t hz = kernel_.facts().hz;
    if (!since || !jiffies_ || hz == 0 || *since > *jiffies_) return std::nullopt;
    return static_cast<uint64_t>(static_cast<double>(*jiffies_ - *since) * 1000.0 / hz);
  }

  std::string mask(GuestVirtual at) {
    if (!mask_) return "";
    std::vector<uint64_t> words(std::min(mask_->type.size_bytes / kPointerBytes, kMaxMaskWords));
    for (size_t i = 0; i < words.size(); ++i) {
      const auto word = number(at + mask_->offset_bytes + i * kPointerBytes, kPointerBytes);
      if (!word) return "";
      words[i] = *word;
    }
    return cpu_list(words, kernel_.facts().cpus);
  }

  const Kernel& kernel_;
  const GuestMemory& memory_;
  std::optional<uint64_t> tasks_, signal_, thread_node_, thread_head_, runnable_node_, dsq_,
      dsq_id_;
  std::optional<FieldInfo> runnable_at_, pid_, comm_, mask_, cpu_;
  std::optional<uint64_t> jiffies_;
  std::set<uint64_t> seen_;
  size_t seen_links_ = 0;
  WaitingTasks found_;
};

}  // namespace

std::string WaitingTask::name() const { return fmt::format("{}[{}]", printable(comm), pid); }

Result<WaitingTasks> find_waiting_tasks(const Kernel& kernel, const GuestMemory& memory) {
  return Walk(kernel, memory).run();
}

void keep_longest(WaitingTasks& waiting) {
  std::ranges::stable_sort(waiting.tasks, [](const WaitingTask& a, const WaitingTask& b) {
    return a.waiting_ms.value_or(0) > b.waiting_ms.value_or(0);
  });
  waiting.total = waiting.tasks.size();
  if (waiting.tasks.size() > WaitingTasks::kKept) waiting.tasks.resize(WaitingTasks::kKept);
}

std::string dsq_name(const Btf& btf, uint64_t id) {
  if (const auto name = btf.enumerator_name("scx_dsq_id_flags", id)) return printable(*name);
  return fmt::format("user {:#x}", id);
}

std::string cpu_list(const std::vector<uint64_t>& words, uint32_t cpus) {
  const auto set = [&](uint64_t cpu) {
    return cpu < cpus && cpu / kBitsPerWord < words.size() &&
           (words[cpu / kBitsPerWord] >> (cpu % kBitsPerWord) & 1) != 0;
  };
  std::string text;
  for (uint64_t cpu = 0; cpu < cpus && cpu / kBitsPerWord < words.size(); ++cpu) {
    if (!set(cpu)) continue;
    const uint64_t first = cpu;
    while (set(cpu + 1)) ++cpu;
    text += fmt::format("{}{}", text.empty() ? "" : ",", first);
    if (cpu > first) text += fmt::format("-{}", cpu);
  }
  return text.empty() ? "none" : text;
}

}  // namespace ktape
