// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/report/stall_tape.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <sstream>

#include "replay/report/report_text.h"
#include "schema/wire/data.h"

namespace ktape::test {

namespace {

constexpr int32_t kPid = 144;
constexpr uint64_t kStartNs = 1'930'000'000;
// As the kernel prints it.
constexpr char kDump[] = R"(kworker/u8:1[36] triggered SCX_EXIT_ERROR_STALL (1026):
CPU 0   : nr_run=1 flags=0x1 cpu_rel=0 ops_qseq=9 pnt_seq=24
          curr=swapper/0[0] class=idle_sched_class

 *R other[99] -12ms
      sticky/holding_cpu=-1/-1 dsq_id=(n/a)
CPU 1   : nr_run=2 flags=0x1 cpu_rel=0 ops_qseq=9 pnt_seq=24
  R left_alone[144] -3112ms
      scx_state/flags=3/0x1 dsq_flags=0x1 ops_state/qseq=0/0
      sticky/holding_cpu=-1/-1 dsq_id=0x1f
      cpus=2
  R kept away[145] -2320ms
      sticky/holding_cpu=-1/-1 dsq_id=(n/a)
      cpus=1,0000000f
)";

std::string message(const StallSpec& spec) { return spec.comm + "[144] failed to run for 3.080s"; }

}  // namespace

StallTape::StallTape(const std::string& path, const StallSpec& spec) : tape_(path) {
  tape_.run_started("stall");
  tape_.scheduler_attached(1);
  tape_.worker_started(spec.comm, kPid, kStartNs);
  tape_.step_started(0, "stalled");
  if (spec.with_reads) request(spec);
  freeze(spec);
  if (spec.with_reads) reply();
  exited(spec);
}

void StallTape::end() {
  tape_.step_finished(0);
  tape_.seal();
}

void StallTape::request(const StallSpec& spec) {
  tape_.add([&](schema::Record::Builder record) {
    auto asked = record.initOpRequested();
    asked.setOp(1);
    auto entries = asked.initEntries(5);
    entries[0].getTarget().setSymbol("jiffies_64");
    unsigned i = 1;
    for (const char* path : {"on_rq", "cpus_mask.bits[0]", "scx.dsq->id", "scx.runnable_at"}) {
      auto target = entries[i].getTarget();
      entries[i++].setTag(spec.comm + "." + path);
      auto task = target.initTask();
      task.setWorker(spec.comm);
      task.setPid(kPid);
      task.setStartBoottimeNs(kStartNs);
      target.setPath(path);
    }
  });
}

void StallTape::freeze(const StallSpec& spec) {
  tape_.add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(1);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setOp(spec.with_reads ? 1 : 0);
    began.setTrigger("scx-error");
    began.setVcpu(0);
    began.setDetail(as_data("SCX_EXIT_ERROR_STALL (1026) of 'ktape_vtime': " + message(spec)));
  });
  frozen(spec);
  if (spec.other_class) {
    tape_.add([&](schema::Record::Builder record) {
      auto gate = record.initGateChecked();
      gate.setOp(1);
      gate.setEntry(2);
      gate.setGate(schema::Gate::SCHED_CLASS);
      gate.setOutcome(schema::GateOutcome::FAILED);
    });
  }
  tape_.add([&](schema::Record::Builder record) { record.initThawed().setFreeze(1); });
}

void StallTape::frozen(const StallSpec& spec) {
  tape_.add([&](schema::Record::Builder record) {
    auto frozen = record.initFrozen();
    frozen.setFreeze(1);
    auto vcpus = frozen.initVcpus(spec.vcpus);
    for (unsigned cpu = 0; cpu < spec.vcpus; ++cpu) {
      vcpus[cpu].setCpu(cpu);
      vcpus[cpu].setKnown(true);
      vcpus[cpu].setSymbol(cpu == 0 ? "scx_error_irq_workfn" : "pv_native_safe_halt+0xf");
      vcpus[cpu].setInterruptsEnabled(cpu != 0);
      vcpus[cpu].setKernelStateKnown(true);
      vcpus[cpu].setCurrentComm(as_data(std::string_view(cpu == 0 ? "kworker/u8:1" : "swapper/1")));
      vcpus[cpu].setCurrentPid(cpu == 0 ? 36 : 0);
    }
  });
}

void StallTape::reply() {
  tape_.add([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    reply.setFreeze(1);
    auto entries = reply.initEntries(5);
    const uint64_t values[] = {5000, 1, 2, 31, 4000};
    for (unsigned i = 0; i < 5; ++i) {
      entries[i].setStatus(schema::EntryStatus::DONE);
      entries[i].initValue().setU64(values[i]);
    }
  });
}

void StallTape::exited(const StallSpec& spec) {
  tape_.add([&](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setId(1);
    exited.setKind(1026);
    exited.setReason(as_data(std::string_view("runnable task stall")));
    exited.setMessage(as_data(message(spec)));
    exited.setDump(as_data(std::string_view(kDump)));
  });
}

ChildResult report(const std::string& tape) {
  return run_program("ktape-report",
                     {tape, "--only", "no-scheduler-error", "--only", "run-completed"});
}

std::string report_of(const TempDir& folder) {
  const ChildResult child = report(folder.file("run.ktape"));
  CHECK(child.exit_status == 0);
  check_form(child.output);
  return child.output;
}

std::string stall_report(const StallSpec& spec) {
  TempDir folder;
  StallTape tape(folder.file("run.ktape"), spec);
  tape.end();
  const ChildResult child = report(folder.file("run.ktape"));
  CHECK(child.exit_status == 0);
  return child.output;
}

void check_form(const std::string& text) {
  INFO(text);
  size_t lines = 0;
  size_t widest = 0;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line); ++lines) {
    const auto columns = std::ranges::count_if(
        line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    widest = std::max(widest, static_cast<size_t>(columns));
  }
  CHECK(lines <= kReportLines);
  CHECK(widest <= kReportColumns);
  CHECK(std::ranges::all_of(
      text, [](char c) { return c == '\n' || static_cast<unsigned char>(c) >= ' '; }));
}

}  // namespace ktape::test
