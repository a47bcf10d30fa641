// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/running_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace ktape {

namespace {

constexpr size_t kPointerBytes = 8;
constexpr std::string_view kTask = "struct task_struct";

// SCHED_* (include/uapi/linux/sched.h).
constexpr uint64_t kFifo = 1, kRr = 2;
constexpr std::array<std::string_view, 8> kPolicies = {"NORMAL", "FIFO", "RR",       "BATCH",
                                                       "ISO",    "IDLE", "DEADLINE", "EXT"};

std::string policy_text(uint64_t policy, uint64_t priority) {
  if (policy >= kPolicies.size()) return fmt::format("policy {}", policy);
  std::string text(kPolicies[policy]);
  if (policy == kFifo || policy == kRr) text += fmt::format(" {}", priority);
  return text;
}

}  // namespace

std::string RunningTask::text() const {
  return pid.value == 0 ? "nothing" : fmt::format("{}[{}] ({})", comm, pid.value, policy);
}

Result<RunningTasks> RunningTasks::create(const Kernel& kernel) {
  LayoutLog log(kernel.btf());
  KTAPE_ASSIGN(TaskFinder finder, TaskFinder::create(kernel, log));
  RunningTasks tasks(kernel, std::move(log), std::move(finder));
  KTAPE_ASSIGN(tasks.current_, tasks.log_.field("struct rq", "curr"));
  KTAPE_ASSIGN(tasks.pid_, tasks.log_.field(kTask, "pid"));
  KTAPE_ASSIGN(tasks.comm_, tasks.log_.field(kTask, "comm"));
  KTAPE_ASSIGN(tasks.policy_, tasks.log_.field(kTask, "policy"));
  KTAPE_ASSIGN(tasks.on_rq_, tasks.log_.field(kTask, "on_rq"));
  KTAPE_ASSIGN(tasks.on_cpu_, tasks.log_.field(kTask, "on_cpu"));
  tasks.priority_ = tasks.log_.first_of(kTask, {"rt_priority"});
  return tasks;
}

std::vector<std::optional<RunningTask>> RunningTasks::read(const GuestMemory& memory) const {
  std::vector<std::optional<RunningTask>> running;
  for (uint32_t cpu = 0; cpu < kernel_->facts().cpus; ++cpu) {
    Result<RunningTask> one = running_on(memory, CpuId(cpu));
    running.push_back(one.ok() ? std::optional(std::move(*one)) : std::nullopt);
  }
  return running;
}

Result<RunningTask> RunningTasks::running_on(const GuestMemory& memory, CpuId cpu) const {
  KTAPE_ASSIGN(const GuestVirtual runqueue, kernel_->per_cpu(memory, "runqueues", cpu));
  KTAPE_ASSIGN(const uint64_t task,
               kernel_->read_uint(memory, runqueue + current_.offset_bytes, kPointerBytes));
  const GuestVirtual at(task);
  RunningTask running;
  KTAPE_ASSIGN(const uint64_t pid, value(memory, at, pid_));
  running.pid = Pid(static_cast<int32_t>(pid));
  KTAPE_ASSIGN(const uint64_t policy, value(memory, at, policy_));
  uint64_t priority = 0;
  if (priority_) {
    KTAPE_ASSIGN(priority, value(memory, at, *priority_));
  }
  running.policy = policy_text(policy, priority);
  std::array<char, 64> name{};
  const auto bytes = std::span(name).first(std::min<size_t>(comm_.type.size_bytes, name.size()));
  KTAPE_TRY(kernel_->read(memory, at + comm_.offset_bytes, std::as_writable_bytes(bytes)));
  running.comm.assign(bytes.begin(), std::find(bytes.begin(), bytes.end(), '\0'));
  return running;
}

Result<bool> RunningTasks::waits_for_cpu(const GuestMemory& memory, Pid pid) const {
  KTAPE_ASSIGN(const std::optional<GuestVirtual> task, finder_.find(memory, pid));
  if (!task) return Error{ErrorCode::kNotFound, fmt::format("no task has pid {}", pid.value), ""};
  KTAPE_ASSIGN(const uint64_t on_rq, value(memory, *task, on_rq_));
  KTAPE_ASSIGN(const uint64_t on_cpu, value(memory, *task, on_cpu_));
  return on_rq != 0 && on_cpu == 0;
}

Result<uint64_t> RunningTasks::value(const GuestMemory& memory, GuestVirtual task,
                                     const FieldInfo& field) const {
  return kernel_->read_uint(memory, task + field.offset_bytes, field.type.size_bytes);
}

}  // namespace ktape
