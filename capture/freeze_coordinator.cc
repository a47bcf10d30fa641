// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze_coordinator.h"

#include <algorithm>

#include "guest/kernel/op_records.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

using Clock = Recorder::Clock;

uint64_t ns_between(Clock::time_point from, Clock::time_point to) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
}

bool all_done(const std::vector<OpResult>& results) {
  return std::all_of(results.begin(), results.end(),
                     [](const OpResult& r) { return r.status == schema::EntryStatus::DONE; });
}

void write_reply(uint64_t op, uint64_t freeze, const std::vector<OpResult>& results,
                 schema::OpReplied::Builder reply) {
  reply.setOp(op);
  reply.setFreeze(freeze);
  reply.setOk(all_done(results));
  auto entries = reply.initEntries(static_cast<unsigned>(results.size()));
  for (unsigned i = 0; i < results.size(); ++i) write_result(results[i], entries[i]);
}

void write_registers(const Kernel& kernel, const VcpuRegisters& registers, schema::VcpuState::Builder to) {
  constexpr uint64_t kInterruptFlag = uint64_t{1} << 9;  // RFLAGS.IF
  to.setKnown(true);
  to.setRip(registers.rip);
  to.setCpl(registers.cs & 3);
  if (to.getCpl() == 0) to.setSymbol(kernel.describe(GuestVirtual(registers.rip)));
  to.setInterruptsEnabled((registers.rflags & kInterruptFlag) != 0);
}

void write_evidence(const CpuEvidence& evidence, schema::VcpuState::Builder to) {
  to.setKernelStateKnown(evidence.known);
  to.setPreemptCount(evidence.preempt_count);
  to.setCurrentPid(evidence.current_pid.value);
  to.setCurrentComm(as_data(evidence.current_comm));
  to.setRunqueueLocked(evidence.runqueue_locked);
}

}  // namespace

struct FreezeCoordinator::Freeze {
  uint64_t id = 0;
  Clock::time_point began, frozen, thawing, thawed;
  std::chrono::nanoseconds stop_latency{0};
  std::vector<VcpuRegisters> registers;
  std::vector<CpuEvidence> evidence;
  int64_t bypass_depth = -1;
  std::vector<OpResult> results;
};

Result<void> FreezeCoordinator::request(schema::OpRequest::Reader request, GuestNs guest) {
  Request accepted;
  accepted.op = ++last_op_;
  accepted.guest_request = request.getId();
  accepted.mode = request.getMode();
  Result<std::vector<Op>> ops = read_ops(request.getEntries(), request.getMode());

  KTAPE_TRY(recorder_.record_at(recorder_.now(), guest, [&](schema::Record::Builder record) {
    auto to = record.initOpRequested();
    to.setOp(accepted.op);
    to.setGuestRequest(request.getId());
    to.setStep(request.getStep());
    to.setFirstAction(request.getFirstAction());
    to.setMode(request.getMode());
    if (!ops.ok()) {
      to.setEntries(request.getEntries());  // as it came: its reply says what is wrong with it
      return;
    }
    auto entries = to.initEntries(request.getEntries().size());
    for (unsigned i = 0; i < entries.size(); ++i) write_op(request.getEntries()[i], (*ops)[i], entries[i]);
  }));
  // A write must be on the tape before it touches the guest.
  KTAPE_TRY(recorder_.commit());

  if (!ops.ok()) return refuse(accepted, ops.error().message);
  if (ops->empty()) return refuse(accepted, "the request has no entries");
  accepted.ops = std::move(ops).value();
  if (failure_) return refuse(accepted, *failure_);
  if (kernel_) return serve(accepted);

  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initOpDeferred();
    to.setOp(accepted.op);
    to.setReason("the kernel is not adopted yet");
  }));
  deferred_.push_back(std::move(accepted));
  return {};
}

Result<void> FreezeCoordinator::adopted(Kernel kernel) {
  kernel_ = std::make_unique<Kernel>(std::move(kernel));
  executor_ = std::make_unique<OpExecutor>(*kernel_);
  while (!deferred_.empty()) {
    Request next = std::move(deferred_.front());
    deferred_.pop_front();
    KTAPE_TRY(serve(next));
  }
  return {};
}

Result<void> FreezeCoordinator::adoption_failed(const Error& error) {
  failure_ = "the guest's kernel could not be adopted: " + error.message;
  while (!deferred_.empty()) {
    Request next = std::move(deferred_.front());
    deferred_.pop_front();
    KTAPE_TRY(refuse(next, *failure_));
  }
  return {};
}

Result<void> FreezeCoordinator::serve(const Request& request) {
  return request.mode == schema::OpMode::HOT ? serve_hot(request) : serve_cold(request);
}

Result<void> FreezeCoordinator::serve_cold(const Request& request) {
  Freeze freeze;
  freeze.id = last_freeze_ + 1;
  freeze.began = Clock::now();
  Result<Frozen> frozen = machine_.freeze();
  if (!frozen.ok()) {
    KTAPE_TRY(record_refusal(request, frozen.error().message));
    return frozen.error();
  }
  last_freeze_ = freeze.id;
  freeze.frozen = Clock::now();
  freeze.stop_latency = frozen->stop_latency();

  // Only copying and comparing in here: recording, describing and sending wait for the thaw.
  const bool writes = std::holds_alternative<WriteAction>(request.ops.front().action);
  WritableGuestMemory& memory = frozen->memory();
  Result<std::vector<VcpuRegisters>> registers = frozen->registers();
  freeze.evidence = cpu_evidence(*kernel_, memory);
  freeze.bypass_depth = scx_bypass_depth(*kernel_, memory);
  freeze.results = writes ? executor_->write(memory, request.ops) : executor_->read(memory, request.ops);
  freeze.thawing = Clock::now();
  Result<void> thaw = frozen->thaw();
  freeze.thawed = Clock::now();
  frozen_time_ += freeze.thawed - freeze.frozen;

  if (registers.ok()) {
    freeze.registers = std::move(registers).value();
  } else {
    recorder_.lose("vcpu_registers", "freezes whose vCPU registers could not be read", 1);
  }
  KTAPE_TRY(record_freeze(request, freeze));
  if (!thaw.ok()) {
    KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
      write_reply(request.op, freeze.id, freeze.results, record.initOpReplied());
    }));
    return thaw.error();
  }
  return finish(request, freeze.id, freeze.results);
}

Result<void> FreezeCoordinator::serve_hot(const Request& request) {
  std::vector<OpResult> results;
  for (const Op& op : request.ops) results.push_back(executor_->read_hot(machine_.live_memory(), op));
  KTAPE_TRY(record_layouts());
  return finish(request, 0, results);
}

// Host times never go back along the tape: what was seen inside the freeze is stamped with its end.
Result<void> FreezeCoordinator::record_freeze(const Request& request, const Freeze& freeze) {
  KTAPE_TRY(recorder_.record_at(recorder_.at(freeze.began), GuestNs(0), [&](schema::Record::Builder record) {
    auto to = record.initFreezeBegan();
    to.setFreeze(freeze.id);
    to.setCause(schema::FreezeCause::REQUEST);
    to.setOp(request.op);
  }));
  KTAPE_TRY(recorder_.record_at(recorder_.at(freeze.frozen), GuestNs(0), [&](schema::Record::Builder record) {
    auto to = record.initFrozen();
    to.setFreeze(freeze.id);
    to.setStopLatencyNs(static_cast<uint64_t>(freeze.stop_latency.count()));
    to.setBypassDepth(freeze.bypass_depth);
    const size_t count = std::max(freeze.registers.size(), freeze.evidence.size());
    auto vcpus = to.initVcpus(static_cast<unsigned>(count));
    for (unsigned i = 0; i < count; ++i) {
      vcpus[i].setCpu(i);
      if (i < freeze.registers.size()) write_registers(*kernel_, freeze.registers[i], vcpus[i]);
      if (i < freeze.evidence.size()) write_evidence(freeze.evidence[i], vcpus[i]);
    }
  }));
  KTAPE_TRY(record_gates(request, freeze));
  KTAPE_TRY(recorder_.record_at(recorder_.at(freeze.thawed), GuestNs(0), [&](schema::Record::Builder record) {
    auto to = record.initThawed();
    to.setFreeze(freeze.id);
    to.setFrozenNs(ns_between(freeze.frozen, freeze.thawed));
    to.setThawLatencyNs(ns_between(freeze.thawing, freeze.thawed));
  }));
  return record_layouts();
}

Result<void> FreezeCoordinator::record_layouts() {
  for (const UsedLayout& layout : executor_->take_used_layouts()) {
    KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
      auto to = record.initLayoutUsed();
      to.setType(as_data(layout.type));
      to.setPath(layout.path);
      to.setOffsetBytes(layout.offset_bytes);
      to.setSizeBytes(layout.size_bytes);
      to.setEncoding(as_data(layout.encoding));
    }));
  }
  return {};
}

Result<void> FreezeCoordinator::record_gates(const Request& request, const Freeze& freeze) {
  const HostNs end = recorder_.at(freeze.thawing);
  for (uint32_t entry = 0; entry < freeze.results.size(); ++entry) {
    for (const GateResult& gate : freeze.results[entry].gates) {
      KTAPE_TRY(recorder_.record_at(end, GuestNs(0), [&](schema::Record::Builder record) {
        write_gate(request.op, entry, gate, record.initGateChecked());
      }));
    }
  }
  return {};
}

Result<void> FreezeCoordinator::finish(const Request& request, uint64_t freeze,
                                       const std::vector<OpResult>& results) {
  auto fill = [&](schema::OpReplied::Builder reply) {
    write_reply(request.op, freeze, results, reply);
    reply.setLiveNotCoherent(request.mode == schema::OpMode::HOT);
  };
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) { fill(record.initOpReplied()); }));
  KTAPE_TRY(recorder_.commit());
  return agent_.send([&](schema::FromHost::Builder message) {
    auto reply = message.initReply();
    reply.setRequest(request.guest_request);
    fill(reply.initResult());
  });
}

Result<void> FreezeCoordinator::record_refusal(const Request& request, const std::string& reason) {
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(request.op);
    reply.setError(reason);
  }));
  return recorder_.commit();
}

Result<void> FreezeCoordinator::refuse(const Request& request, const std::string& reason) {
  KTAPE_TRY(record_refusal(request, reason));
  return agent_.send([&](schema::FromHost::Builder message) {
    auto reply = message.initReply();
    reply.setRequest(request.guest_request);
    reply.initResult().setOp(request.op);
    reply.getResult().setError(reason);
  });
}

}  // namespace ktape
