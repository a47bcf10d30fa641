// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/projection_ops.h"

#include <string>
#include <utility>

#include "schema/tape/projection/cells.h"
#include "schema/target/target_path.h"

namespace ktape {

using namespace cells;
using schema::Record;

namespace {

Cell asked(schema::OpEntry::Reader entry) {
  if (entry.isWrite()) return value(entry.getWrite());
  std::string kind = enum_name(entry.getRead());
  if (entry.getRead() == schema::ValueKind::BYTES)
    kind += "(" + std::to_string(entry.getLength()) + ")";
  return plain(kind);
}

Cell expected(schema::Expectation::Reader expect) {
  return expect.isRefused() ? name(expect.getRefused()) : plain("done");
}

// The parts of a target, NULL where its root has no such part.
struct TargetCells {
  Cell root, symbol, cpu, worker, pid, path;
};

TargetCells target_cells(schema::Target::Reader target) {
  TargetCells cells;
  switch (target.which()) {
    case schema::Target::SYMBOL:
      cells.root = plain("symbol");
      cells.symbol = text(target.getSymbol());
      break;
    case schema::Target::PER_CPU:
      cells.root = plain("perCpu");
      cells.symbol = text(target.getPerCpu().getSymbol());
      cells.cpu = count(target.getPerCpu().getCpu());
      break;
    case schema::Target::TASK:
      cells.root = plain("task");
      cells.worker = text(target.getTask().getWorker());
      cells.pid = number(target.getTask().getPid());
      break;
    case schema::Target::VIRTUAL: cells.root = plain("virtual"); break;
    default: cells.root = plain(std::to_string(static_cast<uint16_t>(target.which())));
  }
  cells.path = text(target.getPath());
  return cells;
}

Row op_asked(Record::Reader record, uint index, schema::OpEntry::Reader entry) {
  auto request = record.getOpRequested();
  TargetCells target = target_cells(entry.getTarget());
  return {RowShape::kOpAsked,
          {{"op", count(request.getOp())},
           {"entry", count(index)},
           {"step", count(request.getStep())},
           {"mode", name(request.getMode())},
           {"action", plain(entry.isWrite() ? "write" : "read")},
           {"tag", text(entry.getTag())},
           {"target", plain(target_text(entry.getTarget()))},
           {"asked", asked(entry)},
           {"step_action", count(uint64_t{request.getFirstAction()} + index)},
           {"seq_requested", count(record.getSeq())},
           {"consistent", flag(entry.getConsistent())},
           {"root", std::move(target.root)},
           {"symbol", std::move(target.symbol)},
           {"cpu", std::move(target.cpu)},
           {"worker", std::move(target.worker)},
           {"pid", std::move(target.pid)},
           {"path", std::move(target.path)},
           {"requested_ns", count(record.getHostNs())},
           {"requested_guest_ns", guest_time(record.getGuestNs())}}};
}

Row op_answered(Record::Reader record, uint index, schema::EntryReply::Reader entry) {
  auto reply = record.getOpReplied();
  return {RowShape::kOpAnswered,
          {{"op", count(reply.getOp())},
           {"entry", count(index)},
           {"status", name(entry.getStatus())},
           {"value", value(entry.getValue())},
           {"before", value(entry.getBefore())},
           {"reason", text(entry.getReason())},
           {"note", text(entry.getNote())},
           {"type", text(entry.getType())},
           {"width_bytes", count(entry.getWidthBytes())},
           {"width_checked", flag(entry.getWidthChecked())},
           {"address", address(entry.getVirtualAddress())},
           {"physical_address", address(entry.getPhysicalAddress())},
           {"protecting_cpu", number(entry.getProtectingCpu())},
           {"elapsed_ns", count(entry.getElapsedNs())},
           {"freeze", count(reply.getFreeze())},
           {"seq_replied", count(record.getSeq())},
           {"replied_ns", count(record.getHostNs())},
           {"refused_by", name(entry.getRefusedBy())}}};
}

void lock_users(Record::Reader record, uint index, schema::EntryReply::Reader entry, Rows& rows) {
  const auto users = entry.getLockUsers();
  for (uint i = 0; i < users.size(); ++i) {
    const auto user = users[i];
    rows.push_back({RowShape::kLockUser,
                    {{"op", count(record.getOpReplied().getOp())},
                     {"entry", count(index)},
                     {"place", count(i)},
                     {"host_ns", count(record.getHostNs())},
                     {"guest_ns", guest_time(record.getGuestNs())},
                     {"lock", text(user.getLock())},
                     {"role", name(user.getRole())},
                     {"basis", name(user.getBasis())},
                     {"cpu", number(user.getCpu())},
                     {"pid", number(user.getPid())},
                     {"comm", text(user.getComm())},
                     {"symbol", text(user.getSymbol())}}});
  }
}

Row vcpu(Record::Reader record, schema::VcpuState::Reader vcpu) {
  bool known = vcpu.getKnown();
  bool kernel_known = vcpu.getKernelStateKnown();
  // Recorders before scheduling was recorded wrote no policy; the default says so.
  bool scheduling_known = kernel_known && vcpu.getCurrentPolicy() >= 0;
  return {
      RowShape::kVcpu,
      {{"freeze", count(record.getFrozen().getFreeze())},
       {"cpu", count(vcpu.getCpu())},
       {"host_ns", count(record.getHostNs())},
       {"guest_ns", guest_time(record.getGuestNs())},
       {"rip", optional(known, hex(vcpu.getRip()))},
       {"symbol", optional(known, text(vcpu.getSymbol()))},
       {"cpl", optional(known, count(vcpu.getCpl()))},
       {"interrupts_enabled", optional(known, flag(vcpu.getInterruptsEnabled()))},
       {"preempt_count", optional(kernel_known, hex(vcpu.getPreemptCount()))},
       {"current_pid", optional(kernel_known, number(vcpu.getCurrentPid()))},
       {"current_comm", optional(kernel_known, text(vcpu.getCurrentComm()))},
       {"runqueue_locked", optional(kernel_known, flag(vcpu.getRunqueueLocked()))},
       {"context", optional(kernel_known, name(vcpu.getContext()))},
       {"current_policy", optional(scheduling_known, number(vcpu.getCurrentPolicy()))},
       {"current_class", optional(vcpu.getCurrentClass().size() > 0, text(vcpu.getCurrentClass()))},
       {"current_priority", optional(scheduling_known, number(vcpu.getCurrentPriority()))},
       {"current_rt_priority", optional(scheduling_known, count(vcpu.getCurrentRtPriority()))}}};
}

Row waiting_task(Record::Reader record, uint place, schema::WaitingTask::Reader task) {
  return {RowShape::kWaiting,
          {{"freeze", count(record.getThawed().getFreeze())},
           {"place", count(place)},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"pid", number(task.getPid())},
           {"comm", text(task.getComm())},
           {"dsq", text(task.getDsq())},
           {"waited_ms", optional(task.getWaitedMs() >= 0, number(task.getWaitedMs()))},
           {"cpus", text(task.getCpus())},
           {"last_cpu", optional(task.getLastCpu() >= 0, number(task.getLastCpu()))}}};
}

}  // namespace

void project_op_requested(Record::Reader record, Rows& rows) {
  auto request = record.getOpRequested();
  auto entries = of_rows(request.getEntries());
  // -1 in older records: the recorder did not retry.
  rows.push_back({RowShape::kRequest,
                  {{"op", count(request.getOp())},
                   {"step", count(request.getStep())},
                   {"mode", name(request.getMode())},
                   {"entries", count(entries.size())},
                   {"requested_ns", count(record.getHostNs())},
                   {"seq_requested", count(record.getSeq())},
                   {"retry_ms", optional(request.getRetryMs() >= 0, number(request.getRetryMs()))},
                   {"expected", expected(request.getExpect())},
                   {"requested_guest_ns", guest_time(record.getGuestNs())},
                   {"by_host", flag(request.getGuestRequest() == 0)}}});
  for (uint i = 0; i < entries.size(); ++i) rows.push_back(op_asked(record, i, entries[i]));
}

void project_op_deferred(Record::Reader record, Rows& rows) {
  auto deferred = record.getOpDeferred();
  rows.push_back({RowShape::kRequestDeferred,
                  {{"op", count(deferred.getOp())},
                   {"deferred", text(deferred.getReason())},
                   {"seq_deferred", count(record.getSeq())},
                   {"deferred_ns", count(record.getHostNs())}}});
}

void project_op_replied(Record::Reader record, Rows& rows) {
  auto reply = record.getOpReplied();
  rows.push_back({RowShape::kRequestReplied,
                  {{"op", count(reply.getOp())},
                   {"ok", flag(reply.getOk())},
                   {"error", text(reply.getError())},
                   {"freeze", count(reply.getFreeze())},
                   {"replied_ns", count(record.getHostNs())},
                   {"seq_replied", count(record.getSeq())},
                   {"tries", count(reply.getTries())},
                   {"waited_ns", count(reply.getWaitedNs())},
                   {"as_expected", flag(reply.getAsExpected())}}});
  // Once: each time that a list is reached counts against what may be read of a record.
  const auto entries = of_rows(reply.getEntries());
  uint64_t users = 0;
  // Counted before any row is made: each entry may have a list of its own.
  for (auto entry : entries) users += entry.getLockUsers().size();
  bound_rows(users);
  for (uint i = 0; i < entries.size(); ++i) {
    rows.push_back(op_answered(record, i, entries[i]));
    lock_users(record, i, entries[i], rows);
  }
}

void project_gate(Record::Reader record, Rows& rows) {
  auto gate = record.getGateChecked();
  // The number as well as the name: a gate of a later format has only the number.
  rows.push_back({RowShape::kGate,
                  {{"seq", count(record.getSeq())},
                   {"host_ns", count(record.getHostNs())},
                   {"guest_ns", guest_time(record.getGuestNs())},
                   {"op", count(gate.getOp())},
                   {"entry", count(gate.getEntry())},
                   {"gate", count(static_cast<uint16_t>(gate.getGate()))},
                   {"name", name(gate.getGate())},
                   {"outcome", name(gate.getOutcome())},
                   {"enforced", flag(gate.getEnforced())},
                   {"observed", text(gate.getObserved())},
                   {"expected", text(gate.getExpected())},
                   {"freeze", count(gate.getFreeze())},
                   {"try", count(gate.getTry())}}});
}

void project_freeze_began(Record::Reader record, Rows& rows) {
  auto began = record.getFreezeBegan();
  rows.push_back({RowShape::kFreezeBegan,
                  {{"freeze", count(began.getFreeze())},
                   {"cause", name(began.getCause())},
                   {"op", count(began.getOp())},
                   {"trigger_name", text(began.getTrigger())},
                   {"trigger_cpu", number(began.getVcpu())},
                   {"detail", text(began.getDetail())},
                   {"interval", count(began.getInterval())},
                   {"began_ns", count(record.getHostNs())},
                   {"seq_began", count(record.getSeq())},
                   {"try", count(began.getTry())}}});
  const auto hits = of_rows(began.getHits());
  for (uint i = 0; i < hits.size(); ++i) {
    rows.push_back({RowShape::kFreezeHit,
                    {{"freeze", count(began.getFreeze())},
                     {"hit", count(i)},
                     {"host_ns", count(record.getHostNs())},
                     {"guest_ns", guest_time(record.getGuestNs())},
                     {"cpu", count(hits[i].getVcpu())},
                     {"trigger_name", text(hits[i].getTrigger())},
                     {"detail", text(hits[i].getDetail())}}});
  }
}

void project_frozen(Record::Reader record, Rows& rows) {
  auto frozen = record.getFrozen();
  rows.push_back({RowShape::kFrozen,
                  {{"freeze", count(frozen.getFreeze())},
                   {"stop_latency_ns", count(frozen.getStopLatencyNs())},
                   {"bypass_depth", number(frozen.getBypassDepth())},
                   {"stopped_ns", count(record.getHostNs())},
                   {"seq_frozen", count(record.getSeq())}}});
  for (auto state : of_rows(frozen.getVcpus())) rows.push_back(vcpu(record, state));
}

void project_thawed(Record::Reader record, Rows& rows) {
  auto thawed = record.getThawed();
  auto waiting = thawed.getWaiting();
  rows.push_back(
      {RowShape::kThawed,
       {{"freeze", count(thawed.getFreeze())},
        {"frozen_ns", count(thawed.getFrozenNs())},
        {"thaw_latency_ns", count(thawed.getThawLatencyNs())},
        {"pages", count(thawed.getPages())},
        {"pages_sha256", digest(thawed.getPagesDigest())},
        {"seq_thawed", count(record.getSeq())},
        {"waited_ns", optional(thawed.getWaitedKnown(), count(thawed.getWaitedNs()))},
        {"thawed_ns", count(record.getHostNs())},
        {"waiting", optional(thawed.hasWaiting(), count(waiting.getTotal()))},
        {"waiting_missed", optional(thawed.hasWaiting(), flag(waiting.getIncomplete()))}}});
  const auto tasks = of_rows(waiting.getTasks());
  for (uint i = 0; i < tasks.size(); ++i) rows.push_back(waiting_task(record, i, tasks[i]));
}

void project_sample(Record::Reader record, Rows& rows) {
  auto sample = record.getSample();
  TargetCells target = target_cells(sample.getTarget());
  rows.push_back({RowShape::kSample,
                  {{"seq", count(record.getSeq())},
                   {"host_ns", count(record.getHostNs())},
                   {"guest_ns", guest_time(record.getGuestNs())},
                   {"name", text(sample.getName())},
                   {"target", plain(target_text(sample.getTarget()))},
                   {"value", value(sample.getValue())},
                   {"root", std::move(target.root)},
                   {"symbol", std::move(target.symbol)},
                   {"cpu", std::move(target.cpu)},
                   {"worker", std::move(target.worker)},
                   {"pid", std::move(target.pid)},
                   {"path", std::move(target.path)}}});
}

}  // namespace ktape
