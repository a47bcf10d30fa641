// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/sample_run.h"

#include <string_view>

#include "schema/base/digest.h"
#include "schema/target/target_path.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr uint64_t kThirtyDaysNs = 2'592'000'000'000'000;
constexpr uint64_t kRunStartNs = 3'210'000'000;

void run_started(TapeBuilder& tape) {
  tape.add([](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setKtapeVersion("0.1.0");
    run.setHostCpu(as_data("AMD EPYC 7763"));
    run.setHostKernel(as_data("6.1.0-41-amd64"));
    run.setAcceleratorAsked(schema::Accelerator::AUTO);
    run.setAcceleratorUsed(schema::Accelerator::TCG);
    run.setAcceleratorReason("/dev/kvm cannot run a kernel");
    run.setQemuVersion(as_data("QEMU emulator version 10.0.2"));
    run.setCpus(2);
    run.setSockets(1);
    run.setCores(2);
    run.setThreads(1);
    run.setNumaNodes(1);
    run.setMemoryBytes(uint64_t{512} << 20);
    run.setKernelImage("6.16.12");
    run.setKernelImageDigest(as_data(sha256(as_bytes("image"))));
    run.setKernelCommandLine("console=ttyS0 panic=-1");
    run.setWallClockNs(uint64_t{1'795'340'531} * 1'000'000'000);
    auto scenario = run.initScenario();
    scenario.setName("cold_path_roundtrip");
    scenario.setDescription("A sleeping worker's dsq_vtime is written and read back.");
  });
}

void guest_came_up(TapeBuilder& tape) {
  tape.add([](schema::Record::Builder record) {
    record.initConsole().setText(as_data("Linux version 6.16.12\r\n\x1b[2Jcleared?\r\n"));
  });
  tape.add([](schema::Record::Builder record) {
    auto hello = record.initGuestHello();
    hello.setAgentVersion("0.1.0");
    hello.setOnlineCpus(2);
  });
  tape.add([](schema::Record::Builder record) {
    auto kernel = record.initKernelIdentified();
    kernel.setRelease(as_data("6.16.12+deb13-cloud-amd64"));
    kernel.setKaslrSlide(0x1c000000);
    kernel.setPhysBase(0x2f000000);
    kernel.setPageOffset(0xffff888000000000);
    kernel.setPagingLevels(4);
    kernel.setHz(250);
    kernel.setCpus(2);
    kernel.setPreemption(as_data("PREEMPT_DYNAMIC"));
    kernel.setAdoptionNs(45'600'000);
  });
}

void layout(TapeBuilder& tape, std::string_view type, const char* path, uint64_t offset,
            uint64_t bytes, std::string_view encoding) {
  tape.add([&](schema::Record::Builder record) {
    auto used = record.initLayoutUsed();
    used.setType(as_data(type));
    used.setPath(path);
    used.setOffsetBytes(offset);
    used.setSizeBytes(bytes);
    used.setEncoding(as_data(encoding));
  });
}

void fill_vcpus(capnp::List<schema::VcpuState>::Builder vcpus) {
  for (auto vcpu : vcpus) {
    vcpu.setKnown(true);
    vcpu.setInterruptsEnabled(true);
    vcpu.setKernelStateKnown(true);
  }
  vcpus[0].setRip(0xffffffff9d2a1b0f);
  vcpus[0].setSymbol("default_idle+0xf");
  vcpus[0].setCurrentComm(as_data("swapper/0"));
  vcpus[1].setCpu(1);
  vcpus[1].setRip(0x401a2c);
  vcpus[1].setCpl(3);
  vcpus[1].setCurrentPid(1);
  vcpus[1].setCurrentComm(as_data("ktape-agent"));
}

void freeze_and_thaw(TapeBuilder& tape, uint64_t id) {
  tape.add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(id);
    began.setCause(schema::FreezeCause::REQUEST);
    began.setOp(id);
  });
  tape.add([&](schema::Record::Builder record) {
    auto frozen = record.initFrozen();
    frozen.setFreeze(id);
    frozen.setStopLatencyNs(912'000);
    frozen.setBypassDepth(0);
    fill_vcpus(frozen.initVcpus(2));
  });
  tape.add([&](schema::Record::Builder record) {
    auto thawed = record.initThawed();
    thawed.setFreeze(id);
    thawed.setFrozenNs(2'340'000);
    thawed.setThawLatencyNs(410'000);
  });
}

// All twelve gates of the first entry; gate 4 fails where `queued`.
void gates(TapeBuilder& tape, uint64_t op, bool queued) {
  for (uint16_t gate = 1; gate <= 12; ++gate) {
    bool fails = queued && gate == static_cast<uint16_t>(schema::Gate::OFF_RUNQUEUE);
    tape.add([&](schema::Record::Builder record) {
      auto checked = record.initGateChecked();
      checked.setOp(op);
      checked.setGate(static_cast<schema::Gate>(gate));
      checked.setEnforced(true);
      checked.setOutcome(fails ? schema::GateOutcome::FAILED : schema::GateOutcome::PASSED);
      if (!fails) return;
      checked.setObserved(as_data("on_rq 1, on_cpu 0"));
      checked.setExpected("on_rq 0, on_cpu 0");
    });
  }
}

void ask(schema::OpEntry::Builder entry, const char* tag, const FillTarget& target) {
  entry.setTag(tag);
  target(entry.initTarget());
  auto path = entry.getTarget().asReader().getPath();
  if (path.size() > 0) write_steps(must(parse_target_path(path.cStr())), entry.getTarget());
}

FillTarget vtime() { return task_target("sleeper", 57, kRunStartNs, "scx.dsq_vtime"); }

void request_write(TapeBuilder& tape, uint64_t op, uint64_t value) {
  tape.add([&](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(op);
    auto entry = request.initEntries(1)[0];
    ask(entry, "set_dsq_vtime", vtime());
    entry.initWrite().setU64(value);
  });
}

void write_vtime(TapeBuilder& tape) {
  request_write(tape, 1, kThirtyDaysNs);
  freeze_and_thaw(tape, 1);
  gates(tape, 1, false);
  tape.add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    reply.setFreeze(1);
    reply.setOk(true);
    auto entry = reply.initEntries(1)[0];
    entry.setStatus(schema::EntryStatus::DONE);
    entry.initBefore().setU64(20'000'000);
    entry.initValue().setU64(kThirtyDaysNs);
    entry.setVirtualAddress(0xffff888004a1c3d8);
    entry.setPhysicalAddress(0x4a1c3d8);
    entry.setType(as_data("u64"));
    entry.setWidthBytes(8);
    entry.setWidthChecked(true);
    entry.setProtectingCpu(1);
    entry.setElapsedNs(3'210);
  });
}

void read_back(TapeBuilder& tape) {
  tape.add([](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(2);
    request.setFirstAction(1);
    auto entries = request.initEntries(3);
    ask(entries[0], "verify_dsq_vtime", vtime());
    entries[0].setRead(schema::ValueKind::U64);
    ask(entries[1], "verify_rq_nr_running", per_cpu_target("runqueues", 0, "nr_running"));
    entries[1].setRead(schema::ValueKind::U32);
    ask(entries[2], "verify_jiffies_64", symbol_target("jiffies_64"));
    entries[2].setRead(schema::ValueKind::U64);
  });
  freeze_and_thaw(tape, 2);
  gates(tape, 2, false);
  tape.add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(2);
    reply.setFreeze(2);
    reply.setOk(true);
    auto entries = reply.initEntries(3);
    for (auto entry : entries) {
      entry.setStatus(schema::EntryStatus::DONE);
      entry.setWidthBytes(8);
      entry.setWidthChecked(true);
    }
    entries[0].initValue().setU64(kThirtyDaysNs);
    entries[0].setType(as_data("u64"));
    entries[0].setNote("sched_delayed is set");
    entries[1].initValue().setU32(1);
    entries[1].setType(as_data("unsigned int"));
    entries[1].setWidthBytes(4);
    entries[1].setProtectingCpu(0);
    entries[2].initValue().setU64(4'294'893'401);
    entries[2].setWidthChecked(false);
  });
}

void refused_write(TapeBuilder& tape) {
  request_write(tape, 3, 1);
  freeze_and_thaw(tape, 3);
  gates(tape, 3, true);
  tape.add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(3);
    reply.setFreeze(3);
    auto entry = reply.initEntries(1)[0];
    entry.setStatus(schema::EntryStatus::REFUSED);
    entry.setReason(
        "gate 4, off the runqueue: observed on_rq 1, on_cpu 0, expected on_rq 0, on_cpu 0");
  });
}

}  // namespace

void record_sample_run(TapeBuilder& tape) {
  run_started(tape);
  guest_came_up(tape);
  layout(tape, "struct task_struct", "scx.dsq_vtime", 848, 8, "u64");
  layout(tape, "struct rq", "nr_running", 0, 4, "unsigned int");
  tape.scheduler_attached(1);
  tape.worker_started("sleeper", 57, kRunStartNs);
  tape.step_started(0, "write and read back");
  write_vtime(tape);
  read_back(tape);
  refused_write(tape);
  tape.step_finished(0);
  tape.add([](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setId(1);
    exited.setKind(64);
    exited.setReason(as_data("unregistered from user space"));
    exited.setDump(as_data("dump line\n"));
  });
}

}  // namespace ktape::test
