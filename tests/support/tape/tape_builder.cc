// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tape/tape_builder.h"

#include "schema/target/target_path.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr uint64_t kBetweenRecordsNs = 1'000'000;

kj::ArrayPtr<const kj::byte> data(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

void fill_entry(const TapeEntry& from, schema::OpEntry::Builder to) {
  to.setTag(from.tag);
  from.target(to.initTarget());
  std::string path(to.getTarget().getPath().cStr());
  if (!path.empty()) write_steps(must(parse_target_path(path)), to.getTarget());
  if (from.write) {
    to.initWrite().setU64(*from.write);
  } else {
    to.setRead(from.asked);
  }
}

void fill_value(const TapeEntry& from, schema::Value::Builder to) {
  switch (from.asked) {
    case schema::ValueKind::U8: return to.setU8(static_cast<uint8_t>(from.value));
    case schema::ValueKind::U16: return to.setU16(static_cast<uint16_t>(from.value));
    case schema::ValueKind::U32: return to.setU32(static_cast<uint32_t>(from.value));
    default: return to.setU64(from.value);
  }
}

void fill_reply(const TapeEntry& from, schema::EntryReply::Builder to) {
  to.setProtectingCpu(from.protecting_cpu);
  to.setNote(from.note);
  to.setStatus(from.status);
  to.setReason(from.reason);
  if (from.status == schema::EntryStatus::DONE) {
    fill_value(from, to.initValue());
    to.setWidthBytes(from.width_bytes);
    to.setWidthChecked(from.width_checked);
    to.setType(data(from.type));
    if (from.before) to.initBefore().setU64(*from.before);
  }
}

}  // namespace

FillTarget task_target(std::string worker, int32_t pid, uint64_t start_boottime_ns,
                       std::string path) {
  return [=](schema::Target::Builder target) {
    auto task = target.initTask();
    task.setWorker(worker);
    task.setPid(pid);
    task.setStartBoottimeNs(start_boottime_ns);
    target.setPath(path);
  };
}

FillTarget per_cpu_target(std::string symbol, uint32_t cpu, std::string path) {
  return [=](schema::Target::Builder target) {
    auto per_cpu = target.initPerCpu();
    per_cpu.setSymbol(symbol);
    per_cpu.setCpu(cpu);
    target.setPath(path);
  };
}

FillTarget symbol_target(std::string symbol) {
  return [=](schema::Target::Builder target) { target.setSymbol(symbol); };
}

TapeBuilder::TapeBuilder(const std::string& path) : writer_(must(TapeWriter::create(path))) {}

Seq TapeBuilder::add(const std::function<void(schema::Record::Builder)>& fill) {
  host_ns_ += kBetweenRecordsNs;
  return must(writer_->append(HostNs(host_ns_), GuestNs(0), fill));
}

Seq TapeBuilder::run_started(const std::string& scenario) {
  return add([&](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setKtapeVersion(KTAPE_VERSION);
    run.setCpus(2);
    run.setAcceleratorAsked(schema::Accelerator::AUTO);
    run.setAcceleratorUsed(schema::Accelerator::TCG);
    run.initScenario().setName(scenario);
  });
}

Seq TapeBuilder::scheduler_attached(uint32_t id, schema::VtimeSemantics vtime) {
  return add([&](schema::Record::Builder record) {
    auto scheduler = record.initSchedulerAttached();
    scheduler.setId(id);
    scheduler.setName(data("ktape_vtime"));
    scheduler.setVtime(vtime);
    scheduler.setTimeoutMs(30'000);
  });
}

Seq TapeBuilder::scheduler_exited(uint32_t id, uint64_t kind) {
  return add([&](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setId(id);
    exited.setKind(kind);
  });
}

Seq TapeBuilder::worker_started(const std::string& name, int32_t pid, uint64_t start_boottime_ns) {
  return add([&](schema::Record::Builder record) {
    auto worker = record.initWorkerStarted();
    worker.setName(name);
    worker.setPid(pid);
    worker.setStartBoottimeNs(start_boottime_ns);
    worker.setComm(data(name));
  });
}

Seq TapeBuilder::step_started(uint32_t step, const std::string& name) {
  return add([&](schema::Record::Builder record) {
    auto started = record.initStepStarted();
    started.setStep(step);
    started.setName(name);
  });
}

Seq TapeBuilder::step_finished(uint32_t step, bool ok) {
  return add([&](schema::Record::Builder record) {
    auto finished = record.initStepFinished();
    finished.setStep(step);
    finished.setOk(ok);
  });
}

Seq TapeBuilder::request(const std::vector<TapeEntry>& entries, uint32_t step) {
  uint64_t id = ++ops_;
  return add([&](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(id);
    request.setGuestRequest(id);
    request.setStep(step);
    auto to = request.initEntries(static_cast<uint>(entries.size()));
    for (uint i = 0; i < entries.size(); ++i) fill_entry(entries[i], to[i]);
  });
}

Seq TapeBuilder::op(const std::vector<TapeEntry>& entries, uint32_t step) {
  request(entries, step);
  uint64_t id = ops_;
  add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(id);
    began.setCause(schema::FreezeCause::REQUEST);
    began.setOp(id);
  });
  add([&](schema::Record::Builder record) {
    record.initFrozen().setFreeze(id);
    if (frozen) frozen(record.getFrozen());
  });
  for (uint32_t i = 0; i < entries.size(); ++i) add_gates(id, i, entries[i].gates);
  add([&](schema::Record::Builder record) { record.initThawed().setFreeze(id); });
  return add([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(id);
    reply.setFreeze(id);
    bool ok = true;
    auto to = reply.initEntries(static_cast<uint>(entries.size()));
    for (uint i = 0; i < entries.size(); ++i) {
      fill_reply(entries[i], to[i]);
      ok = ok && entries[i].status == schema::EntryStatus::DONE;
    }
    reply.setOk(ok);
  });
}

Seq TapeBuilder::hot(const TapeEntry& entry, uint64_t interval, GuestNs guest, uint32_t step) {
  const uint64_t id = ++ops_;
  host_ns_ += kBetweenRecordsNs;
  must(writer_->append(HostNs(host_ns_), guest, [&](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(id);
    request.setGuestRequest(id);
    request.setStep(step);
    request.setMode(schema::OpMode::HOT);
    request.setInterval(interval);
    fill_entry(entry, request.initEntries(1)[0]);
  }));
  return add([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(id);
    reply.setLiveNotCoherent(true);
    reply.setOk(entry.status == schema::EntryStatus::DONE);
    fill_reply(entry, reply.initEntries(1)[0]);
  });
}

void TapeBuilder::add_gates(uint64_t op, uint32_t entry, const std::vector<TapeGate>& gates) {
  for (const TapeGate& gate : gates) {
    add([&](schema::Record::Builder record) {
      auto checked = record.initGateChecked();
      checked.setOp(op);
      checked.setEntry(entry);
      checked.setGate(gate.gate);
      checked.setOutcome(gate.outcome);
      checked.setObserved(data(gate.observed));
    });
  }
}

SealedTape TapeBuilder::seal(schema::Outcome outcome, int32_t exit_code) {
  if (outcome == schema::Outcome::COMPLETED || outcome == schema::Outcome::SCENARIO_FAILED) {
    add([&](schema::Record::Builder record) {
      auto exited = record.initGuestExited();
      exited.setExplicitDone(true);
      exited.setExitCode(exit_code);
    });
  }
  host_ns_ += kBetweenRecordsNs;
  return must(writer_->seal(HostNs(host_ns_), [&](schema::Sealed::Builder sealed) {
    sealed.setOutcome(outcome);
    sealed.setExitCode(exit_code);
    if (intervals) intervals(sealed.initIntervals());
    if (triggers.empty()) return;
    auto counts = sealed.initTriggers(static_cast<unsigned>(triggers.size()));
    for (unsigned i = 0; i < counts.size(); ++i) {
      counts[i].setName(triggers[i].name);
      counts[i].setArmed(triggers[i].armed);
      counts[i].setFreezes(triggers[i].freezes);
      counts[i].setHits(triggers[i].hits);
    }
  }));
}

}  // namespace ktape::test
