// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/freezer.h"

#include <algorithm>

#include "guest/kernel/ops/op_records.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

using Clock = Recorder::Clock;

// On the steady clock, so never negative for two points in the order that they were taken.
uint64_t ns_between(Clock::time_point from, Clock::time_point to) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
}

void write_others(const VcpuRegisters& from, schema::Registers::Builder to) {
  to.setRax(from.rax);
  to.setRbx(from.rbx);
  to.setRcx(from.rcx);
  to.setRdx(from.rdx);
  to.setRsi(from.rsi);
  to.setRdi(from.rdi);
  to.setRbp(from.rbp);
  to.setRsp(from.rsp);
  to.setR8(from.r8);
  to.setR9(from.r9);
  to.setR10(from.r10);
  to.setR11(from.r11);
  to.setR12(from.r12);
  to.setR13(from.r13);
  to.setR14(from.r14);
  to.setR15(from.r15);
  to.setRflags(from.rflags);
  to.setCs(from.cs);
  to.setSs(from.ss);
  to.setDs(from.ds);
  to.setEs(from.es);
  to.setFs(from.fs);
  to.setGs(from.gs);
  to.setFsBase(from.fs_base);
  to.setGsBase(from.gs_base);
  to.setKernelGsBase(from.kernel_gs_base);
  to.setCr0(from.cr0);
  to.setCr2(from.cr2);
  to.setCr3(from.cr3);
  to.setCr4(from.cr4);
}

StoppedCpu stopped_cpu(const VcpuRegisters& registers) {
  constexpr uint64_t kInterruptFlag = uint64_t{1} << 9;  // RFLAGS.IF
  return {true, GuestVirtual(registers.rip), static_cast<uint8_t>(registers.cs & 3),
          (registers.rflags & kInterruptFlag) != 0};
}

void write_registers(const Kernel& kernel, const VcpuRegisters& registers,
                     schema::VcpuState::Builder to) {
  const StoppedCpu cpu = stopped_cpu(registers);
  to.setKnown(true);
  to.setRip(cpu.rip.value);
  to.setCpl(cpu.cpl);
  // A user-space address has no kernel symbol.
  if (cpu.cpl == 0) to.setSymbol(kernel.describe(cpu.rip));
  to.setInterruptsEnabled(cpu.interrupts_enabled);
  write_others(registers, to.initRegisters());
}

void write_hits(const std::vector<TriggerHit>& from, schema::FreezeBegan::Builder to) {
  if (from.empty()) return;
  // The first hit also fills the fields that older readers know, which had one hit per freeze.
  to.setTrigger(from[0].trigger);
  to.setVcpu(from[0].vcpu);
  to.setDetail(as_data(from[0].detail));
  auto hits = to.initHits(static_cast<unsigned>(from.size()));
  for (unsigned i = 0; i < hits.size(); ++i) {
    hits[i].setTrigger(from[i].trigger);
    hits[i].setVcpu(static_cast<uint32_t>(from[i].vcpu));
    hits[i].setDetail(as_data(from[i].detail));
  }
}

void write_waiting(const WaitingTasks& from, schema::WaitingTasks::Builder to) {
  to.setTotal(from.total);
  to.setIncomplete(from.incomplete);
  auto tasks = to.initTasks(static_cast<unsigned>(from.tasks.size()));
  for (unsigned i = 0; i < tasks.size(); ++i) {
    const WaitingTask& task = from.tasks[i];
    tasks[i].setPid(task.pid);
    tasks[i].setComm(as_data(task.comm));
    tasks[i].setDsq(as_data(task.dsq));
    if (task.waiting_ms) tasks[i].setWaitedMs(static_cast<int64_t>(*task.waiting_ms));
    tasks[i].setCpus(task.cpus);
    if (task.last_cpu) tasks[i].setLastCpu(static_cast<int32_t>(*task.last_cpu));
  }
}

}  // namespace

Result<void> Freezer::adopted(const Kernel& kernel) {
  kernel_ = &kernel;
  evidence_ = std::make_unique<EvidenceReader>(kernel);
  layouts_ = std::make_unique<LayoutLog>(kernel.btf());
  pages_.adopted(kernel);
  clocksource_.adopted(kernel);
  return sample_while_running();
}

Result<void> Freezer::sample_while_running() {
  KTAPE_TRY(delays_.record());
  if (kernel_ == nullptr) return {};
  clocksource_.sample(machine_.live_memory());
  return clocksource_.record(recorder_.now(), 0);
}

Result<void> Freezer::freeze(const FreezeReason& reason) {
  KTAPE_ASSIGN(StoppedMachine at, stop());
  FreezeInProgress freeze = begin(std::move(at));
  thaw(freeze);
  KTAPE_TRY(record(freeze, reason, {}));
  return freeze.thaw;
}

Result<StoppedMachine> Freezer::stop() {
  KTAPE_CHECK(kernel_ != nullptr);
  const Clock::time_point began = Clock::now();
  KTAPE_ASSIGN(Frozen frozen, machine_.freeze());
  const Clock::time_point stopped = Clock::now();
  Result<std::vector<VcpuRegisters>> registers = frozen.registers();
  // Host times at the stop and after the thaw: their difference is how long the host made the guest
  // wait.
  StoppedMachine at{std::move(frozen), began, stopped, machine_.host_times(), std::move(registers)};
  // The observer sees every stop, also those that become no freeze.
  if (observer_) observer_(at);
  return at;
}

Result<void> Freezer::resume(StoppedMachine at) {
  Result<void> thaw = at.frozen.thaw();
  // Counted as frozen time, though no freeze is recorded: the deadlines must not include it.
  frozen_time_ += Clock::now() - at.stopped;
  return thaw;
}

FreezeInProgress Freezer::begin(StoppedMachine at) {
  // Numbered here and not in stop(), so that the numbers on the tape have no gaps.
  FreezeInProgress freeze(++last_freeze_, std::move(at));
  WritableGuestMemory& unwatched = freeze.at.frozen.memory();
  freeze.memory = &pages_.watch(unwatched);
  // The first reads of the freeze, before any op: the evidence is of the moment of the stop.
  freeze.stop.evidence = evidence_->read(*freeze.memory);
  // Bypasses the page keeper: a replay never reads the page with the clocksource's name, so it need
  // not be on the tape.
  clocksource_.sample(unwatched);
  if (freeze.at.registers.ok()) {
    for (const VcpuRegisters& registers : *freeze.at.registers)
      freeze.stop.cpus.push_back(stopped_cpu(registers));
  }
  return freeze;
}

void Freezer::thaw(FreezeInProgress& freeze) {
  // The memory object stays alive, but it is not the guest's any more.
  freeze.memory = nullptr;
  freeze.thawing = Clock::now();
  // Kept, not returned: what happened in the freeze is recorded even if the machine is lost by now.
  freeze.thaw = freeze.at.frozen.thaw();
  freeze.thawed = Clock::now();
  // After `thawed`, so that reading it does not make the freeze longer.
  freeze.host_after = machine_.host_times();
  frozen_time_ += freeze.thawed - freeze.at.stopped;
}

// Host times never go backwards on the tape: records about the inside of a freeze have its end
// time.
Result<void> Freezer::record(FreezeInProgress& freeze, const FreezeReason& reason,
                             const std::vector<OpResult>& results) {
  std::vector<VcpuRegisters> registers;
  if (freeze.at.registers.ok()) {
    registers = std::move(freeze.at.registers).value();
  } else {
    recorder_.lose("vcpu_registers", "freezes whose vCPU registers could not be read", 1);
  }
  // The order on the tape is that of the events, whatever the order of the work: FreezeBegan,
  // Frozen, what was read in it, gates, Thawed.
  KTAPE_TRY(record_began(freeze, reason));
  KTAPE_TRY(record_frozen(freeze, registers));
  // With the stop's own time, although the thaw has passed by now.
  KTAPE_TRY(delays_.record_at(recorder_.at(freeze.at.stopped), freeze.id, freeze.at.host));
  KTAPE_TRY(clocksource_.record(recorder_.at(freeze.at.stopped), freeze.id));
  KTAPE_TRY(record_gates(freeze, reason, results));
  KTAPE_TRY(record_thawed(freeze));
  return record_layouts(evidence_->take_used_layouts());
}

Result<void> Freezer::record_began(const FreezeInProgress& freeze, const FreezeReason& reason) {
  return recorder_.record_at(recorder_.at(freeze.at.began), GuestNs(0),
                             [&](schema::Record::Builder record) {
                               auto to = record.initFreezeBegan();
                               to.setFreeze(freeze.id);
                               to.setCause(reason.cause);
                               to.setOp(reason.op);
                               to.setInterval(reason.interval);
                               to.setDetail(as_data(reason.detail));
                               write_hits(reason.hits, to);
                               to.setTry(reason.attempt);
                             });
}

Result<void> Freezer::record_frozen(const FreezeInProgress& freeze,
                                    const std::vector<VcpuRegisters>& registers) {
  return recorder_.record_at(
      recorder_.at(freeze.at.stopped), GuestNs(0), [&](schema::Record::Builder record) {
        auto to = record.initFrozen();
        to.setFreeze(freeze.id);
        to.setStopLatencyNs(static_cast<uint64_t>(freeze.at.frozen.stop_latency().count()));
        const Evidence& evidence = freeze.stop.evidence;
        to.setBypassDepth(evidence.bypass_depth);
        // Of both the larger: the kernel may have fewer CPUs than the machine has vCPUs, if it was
        // booted with nr_cpus=.
        auto seqcounts = to.initSeqcounts(static_cast<unsigned>(evidence.seqcounts.size()));
        for (unsigned i = 0; i < seqcounts.size(); ++i) {
          seqcounts[i].setName(evidence.seqcounts[i].name);
          seqcounts[i].setSequence(evidence.seqcounts[i].sequence);
        }
        const std::vector<CpuEvidence>& cpus = evidence.cpus;
        const size_t count = std::max(registers.size(), cpus.size());
        auto vcpus = to.initVcpus(static_cast<unsigned>(count));
        for (unsigned i = 0; i < count; ++i) {
          vcpus[i].setCpu(i);
          if (i < registers.size()) write_registers(*kernel_, registers[i], vcpus[i]);
          if (i < cpus.size()) write_evidence(*kernel_, cpus[i], vcpus[i]);
        }
      });
}

Result<void> Freezer::record_gates(const FreezeInProgress& freeze, const FreezeReason& reason,
                                   const std::vector<OpResult>& results) {
  // Gates were evaluated inside the freeze, at a time that was not taken; its end is the latest
  // possible.
  const HostNs end = recorder_.at(freeze.thawing);
  for (uint32_t entry = 0; entry < results.size(); ++entry) {
    for (const GateResult& gate : results[entry].gates) {
      KTAPE_TRY(recorder_.record_at(end, GuestNs(0), [&](schema::Record::Builder record) {
        write_gate(reason.op, entry, gate, record.initGateChecked());
        record.getGateChecked().setFreeze(freeze.id);
        record.getGateChecked().setTry(reason.attempt);
      }));
    }
  }
  return {};
}

Result<void> Freezer::record_thawed(const FreezeInProgress& freeze) {
  // Hashes and stores pages now, after the thaw; the digest of their list goes into the same
  // record.
  KTAPE_ASSIGN(std::optional<PagesKept> kept, pages_.keep(freeze.id));
  const std::optional<WaitingTasks> waiting = pages_.waiting();
  return recorder_.record_at(
      recorder_.at(freeze.thawed), GuestNs(0), [&](schema::Record::Builder record) {
        auto to = record.initThawed();
        to.setFreeze(freeze.id);
        to.setFrozenNs(ns_between(freeze.at.stopped, freeze.thawed));
        to.setThawLatencyNs(ns_between(freeze.thawing, freeze.thawed));
        if (const auto waited_ns = waited_between(freeze.at.host, freeze.host_after)) {
          to.setWaitedKnown(true);
          to.setWaitedNs(*waited_ns);
        }
        if (waiting) write_waiting(*waiting, to.initWaiting());
        // Nothing kept: the fields stay at their defaults, which mean that a tape has no memory of
        // this freeze.
        if (!kept) return;
        to.setPages(kept->pages);
        to.setPagesDigest(as_data(std::span<const std::byte>(kept->digest)));
      });
}

Result<void> Freezer::record_layouts(std::vector<UsedLayout> used) {
  // A field is recorded once per run, however often it is used.
  for (UsedLayout& layout : used) layouts_->note(std::move(layout));
  for (const UsedLayout& layout : layouts_->take()) {
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

}  // namespace ktape
