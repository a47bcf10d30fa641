// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/guest_memory.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/layout_log.h"
#include "guest/kernel/op.h"
#include "schema/base/units.h"

namespace ktape {

// /proc/PID/stat counts in USER_HZ, which is 100 on x86 (include/asm-generic/param.h).
inline constexpr uint64_t kClockTickNs = 10'000'000;

// What the gates found out about a task target.
struct GateVerdict {
  std::vector<GateResult> gates;     // all twelve, in order
  std::optional<GuestVirtual> task;  // its struct task_struct; nothing when no task has the pid
  int32_t cpu = -1;                  // where it runs or ran last; -1: not known
  GuestVirtual dsq;                  // the dispatch queue that it is in; 0: none
  std::string note;                  // worth knowing, not an error
  std::string refusal;               // why an op must not go on; empty when every enforced gate passed
};

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
// Reads enforce 1, 2, 3 and 8 and observe the rest; writes enforce all. All are evaluated, also after
// one failed. A gate that could not be evaluated says why where it would say what it observed, and
// counts as not passed. On a kernel without sched_ext 5, 6, 7, 10 and 12 are not evaluated, except
// that a write fails gate 6.
class GateChecker {
 public:
  GateChecker(const Kernel& kernel, LayoutLog& log);
  ~GateChecker();

  [[nodiscard]] GateVerdict check(const GuestMemory& memory, const TaskRoot& asked, bool write) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "pid", "identity", ...: as the schema names them.
[[nodiscard]] std::string gate_name(schema::Gate gate);

}  // namespace ktape
