// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// /proc/PID/stat counts in USER_HZ, which is 100 on x86 (include/asm-generic/param.h).
inline constexpr uint64_t kClockTickNs = 10'000'000;

// Of task_struct's __state: include/linux/sched.h. They are macros, so BTF does not have them.
inline constexpr uint64_t kTaskRunning = 0;
inline constexpr uint64_t kTaskDead = 0x80;
inline constexpr uint64_t kTaskWaking = 0x200;
inline constexpr uint64_t kTaskNew = 0x800;
// What gate noDispatch says in its third number.
inline constexpr uint64_t kDsqIsInvalid = 1, kOpsAreNone = 2;

// What one gate saw, in numbers; which numbers is a matter between the gate and its words
// (gate_words.h).
struct GateReading {
  bool passed = false;
  std::array<uint64_t, 3> saw{};
};

// What the gates saw of a task target while the machine stood still, not in words yet.
struct GateReadings {
  std::vector<Result<GateReading>> gates;  // all twelve, in order; empty when there is no task
  std::optional<GuestVirtual> task;  // its struct task_struct; nothing when no task has the pid
  std::optional<Error> not_looked;   // why it is not known whether a task has the pid
  int32_t cpu = -1;                  // where it runs or ran last; -1: not known
  GuestVirtual dsq;                  // the dispatch queue that it is in; 0: none
  bool sched_delayed = false;
  bool admitted = false;  // every enforced gate passed
  // Not admitted, and each of those that did not pass fails by the instant alone.
  bool may_pass = false;
};

// What the gates found out about a task target.
struct GateVerdict {
  std::vector<GateResult> gates;  // all twelve, in order
  std::string note;               // worth knowing, not an error
  std::string refusal;            // why an op must not go on; empty when every enforced gate passed
  schema::Gate refused_by = schema::Gate::NOT_SAID;
};

// Of a gate that is enforced and was not passed: "gate 11 (unlocked) refuses: observed ...,
// expected ...".
[[nodiscard]] std::string refusal_text(const GateResult& gate);

// Gates 1 to 12, with the machine stopped:
//
//    1 pid          a task with the asked pid is found and says so itself
//    2 identity     start_boottime, rounded down to a clock tick, is the asked start time
//    3 alive        __state has no TASK_DEAD
//    4 offRunqueue  on_rq is 0 and on_cpu is 0
//    5 notQueued    scx.dsq is NULL and scx.runnable_node is empty
//    6 schedClass   sched_class is ext_sched_class
//    7 policy       SCHED_EXT, or one that a full switch takes over
//    8 initialised  start_boottime is not 0
//    9 settled      __state is not WAKING or NEW
//   10 noDispatch   scx.ddsp_dsq_id is invalid and scx.ops_state is none
//   11 unlocked     pi_lock is free, and so is the runqueue lock of its CPU
//   12 enabled      the SCX task state is ENABLED
//
// Reads enforce 1, 2, 3 and 8 and observe the rest; writes enforce all. All are evaluated, also
// after one failed. A gate that could not be evaluated says why where it would say what it
// observed, and counts as not passed. On a kernel without sched_ext 5, 6, 7, 10 and 12 are not
// evaluated, except that a write fails gate 6.
//
// Gates 9, 10 and 11 fail in the middle of something that passes: a moment later the same task may
// be admitted. So do 4 and 5 of a task on its way to sleep: its __state is not TASK_RUNNING any
// more, and it is still on the runqueue or on its CPU, or it was preempted just then and is queued
// again.
class GateChecker {
 public:
  GateChecker(const Kernel& kernel, LayoutLog& log);
  ~GateChecker();

  [[nodiscard]] GateReadings evaluate(const GuestMemory& memory, const TaskRoot& asked,
                                      bool write) const;
  // What was seen of the same task for the same purpose, in words. Needs no memory, so the machine
  // may go on.
  [[nodiscard]] GateVerdict describe(const GateReadings& readings, const TaskRoot& asked,
                                     bool write) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
