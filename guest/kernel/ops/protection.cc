// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/protection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schema/terms/protection.h"

namespace ktape {

namespace {

// Its index among the gates.
constexpr size_t kUnlocked = static_cast<size_t>(schema::Gate::UNLOCKED) - 1;

std::string_view interrupt_name(ExecContext context) {
  switch (context) {
    case ExecContext::kSoftirq: return "a soft interrupt";
    case ExecContext::kHardirq: return "a hard interrupt";
    case ExecContext::kNmi: return "an NMI";
    case ExecContext::kTask: break;
  }
  return "";
}

Result<ProtectorSeen> observe_own_cpu(CpuId cpu, const StopMoment& moment) {
  const size_t index = cpu.value;
  const bool known = index < moment.cpus.size() && moment.cpus[index].known &&
                     index < moment.evidence.cpus.size() && moment.evidence.cpus[index].known;
  if (!known)
    return Error{ErrorCode::kNotFound, fmt::format("what CPU {} was doing is not known", cpu.value),
                 ""};
  const CpuEvidence& evidence = moment.evidence.cpus[index];
  // `updating` names the update that a CPU may be in the middle of; empty if it is in none.
  std::string in = updating({interrupt_name(evidence.context), moment.cpus[index].cpl,
                             moment.cpus[index].interrupts_enabled, evidence.preempt_count,
                             evidence.current_pid.value});
  const bool free = in.empty();
  return ProtectorSeen{ProtectorKind::kOwnCpu, cpu.value, 0, free, std::move(in)};
}

std::string state_text(const ProtectorSeen& protector) {
  switch (protector.kind) {
    case ProtectorKind::kSeqcount: return protector.free ? "even" : "odd";
    case ProtectorKind::kOwnCpu: return protector.free ? "in no update" : protector.name;
    default: return protector.free ? "free" : "held";
  }
}

}  // namespace

Result<void> Protection::observe_runqueue(const GuestMemory& memory, CpuId cpu,
                                          std::vector<ProtectorSeen>& seen) const {
  KTAPE_ASSIGN(const uint64_t word, runqueue_lock_.word(memory, cpu));
  seen.push_back({ProtectorKind::kRunqueueLock, cpu.value, word, word == 0});
  return {};
}

Result<void> Protection::observe_queue(const GuestMemory& memory, GuestVirtual queue,
                                       LocalQueues& locals,
                                       std::vector<ProtectorSeen>& seen) const {
  const std::optional<CpuId> cpu = dsq_lock_.local_to(memory, queue, locals);
  // A local DSQ shares the lock of its runqueue.
  if (cpu) return observe_runqueue(memory, *cpu, seen);
  KTAPE_ASSIGN(const uint64_t word, dsq_lock_.word(memory, queue));
  seen.push_back({ProtectorKind::kDsqLock, queue.value, word, word == 0});
  return {};
}

ProtectionReading Protection::evaluate(const GuestMemory& memory, const ToProtect& value,
                                       const StopMoment& moment) const {
  std::vector<ProtectorSeen> seen;
  if (value.task != nullptr) {
    KTAPE_ASSIGN(seen, task_locks(*value.task));
  }
  if (value.runqueue) KTAPE_TRY(observe_runqueue(memory, *value.runqueue, seen));
  LocalQueues locals;
  for (const GuestVirtual queue : value.queues)
    KTAPE_TRY(observe_queue(memory, queue, locals, seen));
  // All that apply are looked at, and all must be free: a value may be protected by more than one.
  if (const std::string_view name = seqcount_of(value.symbol); !name.empty()) {
    KTAPE_ASSIGN(const GuestVirtual at, kernel_.symbol(name));
    // seqcount_t and its typed variants begin with the 4 bytes of the count
    // (include/linux/seqlock_types.h).
    KTAPE_ASSIGN(const uint64_t count, kernel_.read_uint(memory, at, sizeof(uint32_t)));
    seen.push_back({ProtectorKind::kSeqcount, 0, count, count % 2 == 0, std::string(name)});
  }
  if (value.own_cpu) {
    KTAPE_ASSIGN(ProtectorSeen own, observe_own_cpu(*value.own_cpu, moment));
    seen.push_back(std::move(own));
  }
  return seen;
}

ProtectionReading task_locks(const GateReadings& task) {
  KTAPE_ASSIGN(const GateReading locks, task.gates[kUnlocked]);
  const auto [pi_lock, rq_lock, cpu] = locks.saw;
  return std::vector<ProtectorSeen>{{ProtectorKind::kPiLock, 0, pi_lock, pi_lock == 0},
                                    {ProtectorKind::kRunqueueLock, cpu, rq_lock, rq_lock == 0}};
}

bool all_free(const ProtectionReading& reading) {
  return reading.ok() && !reading->empty() && std::ranges::all_of(*reading, &ProtectorSeen::free);
}

// Every kind that is known here is held for a moment only. An error or an unprotected value stays
// what it is.
bool may_become_free(const ProtectionReading& reading) { return reading.ok() && !reading->empty(); }

std::string protector_name(const ProtectorSeen& protector) {
  switch (protector.kind) {
    case ProtectorKind::kPiLock: return "pi_lock";
    case ProtectorKind::kRunqueueLock:
      return fmt::format("runqueue lock of CPU {}", protector.which);
    case ProtectorKind::kDsqLock: return fmt::format("lock of DSQ {:#x}", protector.which);
    case ProtectorKind::kSeqcount: return protector.name;
    case ProtectorKind::kOwnCpu: return fmt::format("CPU {}", protector.which);
  }
  return "?";
}

GateResult consistent_gate(const ProtectionReading& reading) {
  GateResult gate{schema::Gate::CONSISTENT, schema::GateOutcome::NOT_EVALUATED, true, "", ""};
  if (!reading.ok()) {
    gate.observed = reading.error().message;
    return gate;
  }
  if (reading->empty()) {
    gate.observed = "ktape knows nothing that protects this value";
    return gate;
  }
  gate.outcome = all_free(reading) ? schema::GateOutcome::PASSED : schema::GateOutcome::FAILED;
  gate.expected = "what protects it is free";
  for (const ProtectorSeen& protector : *reading) {
    gate.observed += fmt::format("{}{} {}", gate.observed.empty() ? "" : ", ",
                                 protector_name(protector), state_text(protector));
  }
  return gate;
}

}  // namespace ktape
