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

// Values of task_struct's __state: include/linux/sched.h. They are macros, so BTF does not have
// them.
inline constexpr uint64_t kTaskRunning = 0;
inline constexpr uint64_t kTaskDead = 0x80;
inline constexpr uint64_t kTaskWaking = 0x200;
inline constexpr uint64_t kTaskNew = 0x800;
// Values of the third number of gate noDispatch.
inline constexpr uint64_t kDsqIsInvalid = 1, kOpsAreNone = 2;

// What one gate saw, as numbers; their meaning is defined by the gate and by gate_words.h.
struct GateReading {
  bool passed = false;
  std::array<uint64_t, 3> saw{};
};

// What the gates saw of a task target while the machine was stopped, before it is turned into text.
struct GateReadings {
  std::vector<Result<GateReading>> gates;  // all twelve, in order; empty if there is no task
  std::optional<GuestVirtual> task;        // its struct task_struct; nothing if no task has the pid
  std::optional<Error> search_error;       // why it is unknown whether a task has the pid
  int32_t cpu = -1;                        // where it runs or last ran; -1: unknown
  GuestVirtual dsq;                        // the DSQ that it is in; 0: none
  bool sched_delayed = false;
  bool admitted = false;  // every enforced gate passed
  // Not admitted, but every gate that failed did so for a temporary reason.
  bool may_pass = false;
};

// The gates' results for a task target.
struct GateVerdict {
  std::vector<GateResult> gates;  // all twelve, in order
  std::string note;               // for information, not an error
  std::string refusal;  // why the op must not proceed; empty if every enforced gate passed
  schema::Gate refused_by = schema::Gate::NOT_SAID;
};

// For an enforced gate that was not passed: "gate 11 (unlocked) refuses: observed ..., expected
// ...".
[[nodiscard]] std::string refusal_text(const GateResult& gate);

// Gates 1 to 12, evaluated while the machine is stopped:
//
//    1 pid          a task with the requested pid is found, and has that pid itself
//    2 identity     start_boottime, rounded down to a clock tick, is the requested start time
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
// Reads enforce 1, 2, 3 and 8 and observe the rest; writes enforce all. All are evaluated, even
// after one has failed. A gate that could not be evaluated reports the reason instead of an
// observation, and counts as not passed. On a kernel without sched_ext, gates 5, 6, 7, 10 and 12
// are not evaluated, except that a write fails gate 6.
//
// Gates 9, 10 and 11 fail during transient states: a moment later the same task may be admitted. So
// do 4 and 5 for a task that is going to sleep: its __state is no longer TASK_RUNNING, but it is
// still on the runqueue or on its CPU, or it was just preempted and is queued again.
class GateChecker {
 public:
  // Resolves every field and symbol once, so that an evaluation reads memory only. `kernel`
  // outlives the checker; `log` is used during construction only.
  GateChecker(const Kernel& kernel, LayoutLog& log);
  ~GateChecker();

  [[nodiscard]] GateReadings evaluate(const GuestMemory& memory, const TaskRoot& asked,
                                      bool write) const;
  // Turns readings of the same task for the same purpose into text. Needs no memory, so the machine
  // may run.
  [[nodiscard]] GateVerdict describe(const GateReadings& readings, const TaskRoot& asked,
                                     bool write) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
