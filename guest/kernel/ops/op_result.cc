// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_result.h"

#include <span>
#include <utility>
#include <variant>

#include "guest/kernel/ops/lock_users.h"
#include "guest/kernel/ops/protection.h"

namespace ktape {

namespace {

// A reason may quote a hostile guest.
constexpr size_t kMaxReasonBytes = 1024;

OpValue value_of(uint64_t word, const OpWidth& width) {
  const auto bytes = std::as_bytes(std::span(&word, 1)).first(width.bytes);
  return {width.kind, {bytes.begin(), bytes.end()}};
}

void describe_gates(const ServingContext& context, const Op& op, const GateReadings& readings,
                    OpResult& result) {
  // The same flag as at evaluation: it decides which gates count as enforced.
  const bool write = std::holds_alternative<WriteAction>(op.action);
  GateVerdict verdict = context.gates.describe(readings, std::get<TaskRoot>(op.target.root), write);
  result.gates = std::move(verdict.gates);
  result.note = std::move(verdict.note);
  // A reply that was done has gates, but no refusal to explain.
  if (result.status != schema::EntryStatus::REFUSED || verdict.refusal.empty()) return;
  result.reason = std::move(verdict.refusal);
  result.refused_by = verdict.refused_by;
  // A read is not refused by a lock, except through gate `consistent`.
  if (write && readings.task) {
    const ProtectionReading locks = task_locks(readings);
    if (locks.ok()) result.lock_users = lock_users(context.kernel, *locks, context.moment);
  }
}

void describe_protection(const ServingContext& context, const ProtectionReading& reading,
                         OpResult& result) {
  // Behind the twelve gates of a task, if it has them; alone otherwise.
  const GateResult& gate = result.gates.emplace_back(consistent_gate(reading));
  if (gate.outcome == schema::GateOutcome::PASSED) return;
  result.reason = refusal_text(gate);
  result.refused_by = schema::Gate::CONSISTENT;
  if (reading.ok()) result.lock_users = lock_users(context.kernel, *reading, context.moment);
}

}  // namespace

std::string reply_sentence(const Error& error) {
  const std::string text = error.hint.empty() ? error.message : error.message + ": " + error.hint;
  return text.substr(0, kMaxReasonBytes);
}

void append_note(std::string& notes, std::string_view note) {
  if (note.empty()) return;
  if (!notes.empty()) notes += "; ";
  notes += note;
}

OpResult describe_op(const ServingContext& context, const PreparedOp& prepared, ServedOp served) {
  const Op& op = *prepared.op;
  OpResult result;
  result.status = served.status;
  result.elapsed_ns =
      static_cast<uint64_t>(static_cast<double>(served.ticks) * context.ns_per_tick);
  result.protecting_cpu = served.protecting_cpu;
  result.virtual_address = served.virtual_address;
  result.physical_address = served.physical_address;
  // An op that was not reached was never compared with its type.
  if (served.status != schema::EntryStatus::NOT_REACHED) result.type = prepared.type;
  if (served.reached) {
    result.width_bytes = prepared.width.bytes;
    result.width_checked = prepared.width.checked;
  }
  const bool done = served.status == schema::EntryStatus::DONE;
  result.is_list = done && prepared.names->plan->walks_list();
  if (done && !result.is_list && prepared.width.bytes <= kWordBytes)
    result.value = value_of(served.word, prepared.width);
  if (served.rest == nullptr) return result;
  ServedRest& rest = *served.rest;
  result.reason = std::move(rest.reason);
  // In this order: a note of the op itself follows those of the gates.
  if (rest.gates) describe_gates(context, op, *rest.gates, result);
  if (rest.protection) describe_protection(context, *rest.protection, result);
  append_note(result.note, rest.note);
  if (rest.value) result.value = std::move(rest.value);
  result.before = std::move(rest.before);
  result.list = std::move(rest.list);
  result.numbers = std::move(rest.numbers);
  result.broke_off = std::move(rest.broke_off);
  return result;
}

}  // namespace ktape
