// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/gate_words.h"

#include <capnp/dynamic.h>
#include <fmt/format.h>

#include "guest/kernel/sched/evidence.h"

namespace ktape {

namespace {

std::string state_text(uint64_t state) {
  std::string text = fmt::format("state={:#x}", state);
  if ((state & kTaskDead) != 0) text += " (DEAD)";
  if ((state & kTaskWaking) != 0) text += " (WAKING)";
  if ((state & kTaskNew) != 0) text += " (NEW)";
  return text;
}

std::string identity_text(const GateReading& reading) {
  // The requested time has whole ticks, so the rounded one is shown first; the exact one tells
  // apart two tasks of one tick.
  const auto [boottime, monotonic, has_monotonic] = reading.saw;
  std::string text = fmt::format("start_boottime={} (exactly {}",
                                 boottime / kClockTickNs * kClockTickNs, boottime);
  return text + (has_monotonic != 0 ? fmt::format(", start_time={})", monotonic) : ")");
}

std::string lock_text(uint64_t held) { return held != 0 ? "held" : "free"; }

}  // namespace

std::string gate_name(schema::Gate gate) {
  const auto enumerant = capnp::DynamicEnum(schema::Gate(gate)).getEnumerant();
  KJ_IF_MAYBE (known, enumerant) return known->getProto().getName().cStr();
  return "?";
}

std::string GateWords::named(std::string_view enum_name, uint64_t value) const {
  return kernel_.btf().enumerator_name(enum_name, value).value_or(fmt::format("{:#x}", value));
}

// The enums have several names for some values; use those that the gate expects.
std::string GateWords::dispatch(const GateReading& reading) const {
  const auto [id, ops, wanted] = reading.saw;
  const std::string id_name =
      (wanted & kDsqIsInvalid) != 0 ? "SCX_DSQ_INVALID" : named("scx_dsq_id_flags", id);
  const std::string ops_name =
      (wanted & kOpsAreNone) != 0 ? "SCX_OPSS_NONE" : named("scx_ops_state", ops);
  return "ddsp_dsq_id=" + id_name + " ops_state=" + ops_name;
}

std::string GateWords::observed(schema::Gate gate, const GateReading& reading) const {
  const auto& saw = reading.saw;
  switch (gate) {
    // A pid is an int; a hostile kernel may have any bits there.
    case schema::Gate::PID: return fmt::format("pid={}", static_cast<int32_t>(saw[0]));
    case schema::Gate::IDENTITY: return identity_text(reading);
    case schema::Gate::ALIVE:
    case schema::Gate::SETTLED: return state_text(saw[0]);
    case schema::Gate::OFF_RUNQUEUE: return fmt::format("on_rq={} on_cpu={}", saw[0], saw[1]);
    case schema::Gate::NOT_QUEUED:
      return fmt::format("dsq={} runnable_node={}",
                         saw[0] == 0 ? "NULL" : fmt::format("{:#x}", saw[0]),
                         saw[1] != 0 ? "empty" : "linked");
    case schema::Gate::SCHED_CLASS:
      return "sched_class=" +
             (reading.passed ? "ext_sched_class" : class_name(kernel_, GuestVirtual(saw[0])));
    // Shown even if it did not decide, since policy 0 passes only together with a full switch.
    case schema::Gate::POLICY: return fmt::format("policy={} switched_all={}", saw[0], saw[1]);
    case schema::Gate::INITIALISED: return fmt::format("start_boottime={}", saw[0]);
    case schema::Gate::NO_DISPATCH: return dispatch(reading);
    case schema::Gate::UNLOCKED:
      return fmt::format("pi_lock={} rq_lock={} cpu={}", lock_text(saw[0]), lock_text(saw[1]),
                         saw[2]);
    case schema::Gate::ENABLED:
      return "state=" + (reading.passed ? "SCX_TASK_ENABLED" : named(task_states_, saw[0]));
    case schema::Gate::CONSISTENT:  // protection.h
    case schema::Gate::NOT_SAID: break;
  }
  return "?";
}

std::string GateWords::expected(schema::Gate gate, const TaskRoot& asked) {
  switch (gate) {
    case schema::Gate::PID: return fmt::format("pid={}", asked.pid.value);
    case schema::Gate::IDENTITY: return fmt::format("start_boottime={}", asked.start_boottime_ns);
    case schema::Gate::ALIVE: return "state without DEAD";
    case schema::Gate::OFF_RUNQUEUE: return "on_rq=0 on_cpu=0";
    case schema::Gate::NOT_QUEUED: return "dsq=NULL runnable_node=empty";
    case schema::Gate::SCHED_CLASS: return "sched_class=ext_sched_class";
    case schema::Gate::POLICY: return "policy=7, or 0, 3 or 5 with switched_all=1";
    case schema::Gate::INITIALISED: return "start_boottime not 0";
    case schema::Gate::SETTLED: return "state without WAKING and NEW";
    case schema::Gate::NO_DISPATCH: return "ddsp_dsq_id=SCX_DSQ_INVALID ops_state=SCX_OPSS_NONE";
    case schema::Gate::UNLOCKED: return "pi_lock=free rq_lock=free";
    case schema::Gate::ENABLED: return "state=SCX_TASK_ENABLED";
    case schema::Gate::CONSISTENT:  // protection.h
    case schema::Gate::NOT_SAID: break;
  }
  return "?";
}

}  // namespace ktape
