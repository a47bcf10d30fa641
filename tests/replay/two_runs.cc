// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/two_runs.h"

#include "schema/base/digest.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

void run_began(TapeBuilder& tape, const RunSpec& spec) {
  tape.add([&](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setKtapeVersion("0.1.0");
    run.setCpus(2);
    run.setMemoryBytes(uint64_t{512} << 20);
    run.setAcceleratorUsed(schema::Accelerator::TCG);
    run.setKernelImage(spec.kernel);
    run.setKernelImageDigest(as_data(sha256(as_bytes(spec.kernel))));
    run.setKernelCommandLine("console=ttyS0");
    run.setScenarioText(spec.scenario_text);
    run.initScenario().setName(spec.scenario);
    auto expect = run.getScenario().initExpect(static_cast<unsigned>(spec.expect.size()));
    for (unsigned i = 0; i < expect.size(); ++i) {
      expect[i].setAssertion(spec.expect[i].first);
      expect[i].setMatch(spec.expect[i].second);
    }
  });
  tape.add([&](schema::Record::Builder record) {
    auto kernel = record.initKernelIdentified();
    kernel.setRelease(as_data(spec.kernel + "-cloud-amd64"));
    kernel.setKaslrSlide(spec.slide);
  });
  std::string before;
  for (const std::string& name : spec.clocksources) {
    tape.add([&](schema::Record::Builder record) {
      record.initClocksourceSeen().setName(as_data(name));
      record.getClocksourceSeen().setBefore(as_data(before));
    });
    before = name;
  }
  tape.add([&](schema::Record::Builder record) {
    auto layout = record.initLayoutUsed();
    layout.setType(as_data("struct task_struct"));
    layout.setPath("scx.dsq_vtime");
    layout.setOffsetBytes(spec.vtime_offset);
    layout.setSizeBytes(8);
    layout.setEncoding(as_data("u64"));
  });
}

void scheduler_exited(TapeBuilder& tape, const RunSpec& spec) {
  tape.add([&](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setId(1);
    exited.setKind(spec.exit_kind);
    exited.setExitCode(spec.exit_code);
    exited.setReason(
        as_data(spec.exit_kind == 64 ? "unregistered from user space" : "runnable task stall"));
    exited.setMessage(as_data(spec.exit_message));
  });
}

void write_and_read(TapeBuilder& tape, const RunSpec& spec, const FillTarget& vtime) {
  bool done = spec.write_status == schema::EntryStatus::DONE;
  TapeGate gate{schema::Gate::OFF_RUNQUEUE,
                done ? schema::GateOutcome::PASSED : schema::GateOutcome::FAILED,
                done ? "on_rq=0 on_cpu=0" : "on_rq=1 on_cpu=0"};
  tape.step_started(0, "write");
  tape.op({{.tag = "vtime_read", .target = vtime, .value = spec.vtime_read, .type = "u64"}});
  tape.op({{.tag = "set_vtime",
            .target = vtime,
            .write = 7000,
            .status = spec.write_status,
            .value = 7000,
            .reason = done ? "" : "gate 4 (offRunqueue) failed",
            .type = "u64",
            .gates = {gate}}});
  tape.op(
      {{.tag = "vtime_after", .target = vtime, .value = spec.vtime_after_write, .type = "u64"}});
  tape.step_finished(0);
}

void look(TapeBuilder& tape, const RunSpec& spec) {
  tape.step_started(1, "look");
  std::vector<TapeEntry> entries = {
      {.tag = "nr_running",
       .target = per_cpu_target("runqueues", 0, "nr_running"),
       .asked = schema::ValueKind::U32,
       .value = spec.nr_running,
       .width_bytes = 4,
       .type = "unsigned int"},
  };
  if (spec.with_last_entry) {
    entries.push_back(
        {.tag = "jiffies", .target = symbol_target("jiffies_64"), .value = spec.jiffies});
  }
  tape.op(entries, 1);
  tape.step_finished(1);
}

}  // namespace

SealedTape record_run(const std::string& path, const RunSpec& spec) {
  TapeBuilder tape(path);
  run_began(tape, spec);
  tape.scheduler_attached(1);
  tape.worker_started("sleeper", spec.pid, spec.start_boottime_ns);
  write_and_read(tape, spec,
                 task_target("sleeper", spec.pid, spec.start_boottime_ns, "scx.dsq_vtime"));
  look(tape, spec);
  scheduler_exited(tape, spec);
  tape.add([&](schema::Record::Builder record) {
    auto counters = record.initLost().initCounters(1);
    counters[0].setName("console_bytes");
    counters[0].setCount(spec.lost_bytes);
  });
  return tape.seal(spec.outcome);
}

}  // namespace ktape::test
