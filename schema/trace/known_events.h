// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/trace/event_decode.h"
#include "schema/trace/field_bytes.h"

namespace ktape {

// The events that are recorded by default, with members of the names that the kernel gives them
// (include/trace/events/sched.h, sched_ext.h). An optional member is not in every kernel. Texts are
// part of the event.

struct SchedSwitch {
  static constexpr std::string_view kName = "sched_switch";
  std::string_view prev_comm, next_comm;
  Pid prev_pid, next_pid;
  int32_t prev_prio = 0, next_prio = 0;
  int64_t prev_state = 0;  // see prev_state_text()

  template <typename Each>
  void members(Each&& each) {
    each("prev_comm", prev_comm), each("prev_pid", prev_pid), each("prev_prio", prev_prio);
    each("prev_state", prev_state);
    each("next_comm", next_comm), each("next_pid", next_pid), each("next_prio", next_prio);
  }
};

// What sched_waking, sched_wakeup and sched_wakeup_new have.
struct SchedWakeTemplate {
  std::string_view comm;
  Pid pid;
  int32_t prio = 0;
  int32_t target_cpu = 0;

  template <typename Each>
  void members(Each&& each) {
    each("comm", comm), each("pid", pid), each("prio", prio), each("target_cpu", target_cpu);
  }
};
// Someone is about to wake the task, on the waker's CPU.
struct SchedWaking : SchedWakeTemplate {
  static constexpr std::string_view kName = "sched_waking";
};
// The task is runnable.
struct SchedWakeup : SchedWakeTemplate {
  static constexpr std::string_view kName = "sched_wakeup";
};
struct SchedWakeupNew : SchedWakeTemplate {
  static constexpr std::string_view kName = "sched_wakeup_new";
};

struct SchedMigrateTask {
  static constexpr std::string_view kName = "sched_migrate_task";
  std::string_view comm;
  Pid pid;
  int32_t prio = 0;
  int32_t orig_cpu = 0, dest_cpu = 0;

  template <typename Each>
  void members(Each&& each) {
    each("comm", comm), each("pid", pid), each("prio", prio);
    each("orig_cpu", orig_cpu), each("dest_cpu", dest_cpu);
  }
};

struct SchedProcessFork {
  static constexpr std::string_view kName = "sched_process_fork";
  std::string_view parent_comm, child_comm;
  Pid parent_pid, child_pid;

  template <typename Each>
  void members(Each&& each) {
    each("parent_comm", parent_comm), each("parent_pid", parent_pid);
    each("child_comm", child_comm), each("child_pid", child_pid);
  }
};

struct SchedProcessExec {
  static constexpr std::string_view kName = "sched_process_exec";
  std::string_view filename;
  Pid pid, old_pid;

  template <typename Each>
  void members(Each&& each) {
    each("filename", filename), each("pid", pid), each("old_pid", old_pid);
  }
};

struct SchedProcessExit {
  static constexpr std::string_view kName = "sched_process_exit";
  std::string_view comm;
  Pid pid;
  int32_t prio = 0;
  std::optional<bool> group_dead;  // it was the last thread of its process

  template <typename Each>
  void members(Each&& each) {
    each("comm", comm), each("pid", pid), each("prio", prio), each("group_dead", group_dead);
  }
};

struct SchedStatRuntime {
  static constexpr std::string_view kName = "sched_stat_runtime";
  std::string_view comm;
  Pid pid;
  uint64_t runtime = 0;  // ns that were added to se.sum_exec_runtime

  template <typename Each>
  void members(Each&& each) {
    each("comm", comm), each("pid", pid), each("runtime", runtime);
  }
};

// A line of the dump of a scheduler's exit.
struct SchedExtDump {
  static constexpr std::string_view kName = "sched_ext_dump";
  std::string_view line;

  template <typename Each>
  void members(Each&& each) {
    each("line", line);
  }
};

// A scheduler's exit.
struct SchedExtExit {
  static constexpr std::string_view kName = "sched_ext_exit";
  std::string_view name, cgrp_path;
  int32_t level = 0;  // 0: the root scheduler
  uint64_t sub_cgroup_id = 0;
  uint32_t kind = 0;  // enum scx_exit_kind

  template <typename Each>
  void members(Each&& each) {
    each("name", name), each("level", level), each("sub_cgroup_id", sub_cgroup_id);
    each("cgrp_path", cgrp_path), each("kind", kind);
  }
};

// The kernel moved tasks between the CPUs of a node while a scheduler was bypassed.
struct SchedExtBypassLb {
  static constexpr std::string_view kName = "sched_ext_bypass_lb";
  uint32_t node = 0, nr_cpus = 0, nr_tasks = 0, nr_balanced = 0;
  uint32_t before_min = 0, before_max = 0, after_min = 0, after_max = 0;

  template <typename Each>
  void members(Each&& each) {
    each("node", node), each("nr_cpus", nr_cpus), each("nr_tasks", nr_tasks);
    each("nr_balanced", nr_balanced), each("before_min", before_min);
    each("before_max", before_max), each("after_min", after_min), each("after_max", after_max);
  }
};

namespace known_events {

// The field of a member; nullptr if it is optional and not there.
[[nodiscard]] Result<const EventField*> field_for(const EventFormat& format, std::string_view name,
                                                  FieldKind kind, bool optional);
// A member's value, from the bytes of its field; integers are cut to the member's width.
inline void set(std::string_view& member, std::span<const std::byte> bytes, bool) {
  member = field::text(bytes);
}
inline void set(Pid& member, std::span<const std::byte> bytes, bool is_signed) {
  member = Pid(static_cast<int32_t>(field::integer(bytes, is_signed)));
}
inline void set(std::optional<bool>& member, std::span<const std::byte> bytes, bool is_signed) {
  member = field::integer(bytes, is_signed) != 0;
}
template <typename Integer>
void set(Integer& member, std::span<const std::byte> bytes, bool is_signed) {
  member = static_cast<Integer>(field::integer(bytes, is_signed));
}

}  // namespace known_events

// Reads events of one kind as a struct of this header. Looks the fields up once.
//   KTAPE_ASSIGN(const auto switches, EventReader<SchedSwitch>::bind(*format));
//   KTAPE_ASSIGN(const SchedSwitch event, switches.read(trace_event));
template <typename Event>
class EventReader {
 public:
  // kNotFound, with its name, if the format lacks a field that is not optional; kBadInput if one is
  // of another kind, or if the format is of another event. The format outlives the reader.
  [[nodiscard]] static Result<EventReader> bind(const EventFormat& format);
  // An event of that format.
  [[nodiscard]] Result<Event> read(const TraceEvent& event) const;

 private:
  std::vector<const EventField*> fields_;  // of each member, in their order
};

template <typename Event>
Result<EventReader<Event>> EventReader<Event>::bind(const EventFormat& format) {
  if (format.name != Event::kName) {
    return Error{
        ErrorCode::kBadInput,
        "got the format of '" + format.name + "', expected '" + std::string(Event::kName) + "'",
        ""};
  }
  EventReader reader;
  Result<void> found;
  Event().members([&](std::string_view name, const auto& member) {
    using Member = std::decay_t<decltype(member)>;
    if (!found.ok()) return;
    constexpr bool kText = std::is_same_v<Member, std::string_view>;
    const auto field =
        known_events::field_for(format, name, kText ? FieldKind::kText : FieldKind::kInteger,
                                std::is_same_v<Member, std::optional<bool>>);
    if (field.ok()) {
      reader.fields_.push_back(*field);
    } else {
      found = field.error();
    }
  });
  KTAPE_TRY(found);
  return reader;
}

template <typename Event>
Result<Event> EventReader<Event>::read(const TraceEvent& event) const {
  Event value;
  const EventField* missing = nullptr;
  size_t index = 0;
  value.members([&](std::string_view, auto& member) {
    const EventField* field = fields_[index++];
    if (field == nullptr) return;
    if (const auto bytes = field::find(event.data, *field)) {
      known_events::set(member, *bytes, field->is_signed);
    } else {
      missing = field;
    }
  });
  if (missing != nullptr) return field_bytes(event, *missing).error();
  return value;
}

// prev_state of a sched_switch in the kernel's letters: "S", "D", "R" for runnable, "R+" for
// preempted; several are separated by '|'.
[[nodiscard]] std::string prev_state_text(int64_t prev_state);

}  // namespace ktape
