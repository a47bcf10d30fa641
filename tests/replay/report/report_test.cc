// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "replay/report/dump_tasks.h"
#include "replay/report/report_text.h"
#include "schema/base/file.h"
#include "schema/wire/data.h"
#include "tests/replay/programs.h"
#include "tests/support/agreed_text.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

// ktape-report over tapes that code built.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

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

struct StallSpec {
  bool with_reads = true;
  std::string comm = "left_alone";
  unsigned vcpus = 2;
  bool other_class = false;  // the worker is not in sched_ext
};

// A run that ends with a stall, with the freeze that a capture makes then; the memory is not kept.
class StallTape {
 public:
  explicit StallTape(const std::string& path, const StallSpec& spec = {}) : tape_(path) {
    tape_.run_started("stall");
    tape_.scheduler_attached(1);
    tape_.worker_started(spec.comm, kPid, kStartNs);
    tape_.step_started(0, "stalled");
    if (spec.with_reads) request(spec);
    freeze(spec);
    if (spec.with_reads) reply();
    tape_.add([&](schema::Record::Builder record) {
      auto exited = record.initSchedulerExited();
      exited.setId(1);
      exited.setKind(1026);
      exited.setReason(as_data(std::string_view("runnable task stall")));
      exited.setMessage(as_data(message(spec)));
      exited.setDump(as_data(std::string_view(kDump)));
    });
  }
  TapeBuilder& builder() { return tape_; }
  void end() {
    tape_.step_finished(0);
    tape_.seal();
  }

 private:
  static std::string message(const StallSpec& spec) {
    return spec.comm + "[144] failed to run for 3.080s";
  }

  void request(const StallSpec& spec) {
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

  void freeze(const StallSpec& spec) {
    tape_.add([&](schema::Record::Builder record) {
      auto began = record.initFreezeBegan();
      began.setFreeze(1);
      began.setCause(schema::FreezeCause::TRIGGER);
      began.setOp(spec.with_reads ? 1 : 0);
      began.setTrigger("scx-error");
      began.setVcpu(0);
      began.setDetail(as_data("SCX_EXIT_ERROR_STALL (1026) of 'ktape_vtime': " + message(spec)));
    });
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
        vcpus[cpu].setCurrentComm(
            as_data(std::string_view(cpu == 0 ? "kworker/u8:1" : "swapper/1")));
        vcpus[cpu].setCurrentPid(cpu == 0 ? 36 : 0);
      }
    });
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

  void reply() {
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

  TapeBuilder tape_;
};

ChildResult report(const std::string& tape) {
  return run_program("ktape-report",
                     {tape, "--only", "no-scheduler-error", "--only", "run-completed"});
}

std::string stall_report(const StallSpec& spec = {}) {
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

}  // namespace

TEST_CASE("the report of a stall is as it was agreed") {
  const std::string text = std::regex_replace(stall_report(), std::regex("[0-9a-f]{64}"), "DIGEST");
  check_form(text);
  CHECK(text == agreed_text(KTAPE_TESTS "/golden/report.txt", text));
}

TEST_CASE("a worker of another class is not among those that wait in sched_ext") {
  const std::string text = stall_report({.other_class = true});
  CHECK_THAT(text, ContainsSubstring("(from the kernel's dump)"));  // the reads name nobody
}

TEST_CASE("without memory and reads a report takes the waiting tasks from the kernel's dump") {
  const std::string text = stall_report({.with_reads = false});
  CHECK_THAT(text, ContainsSubstring("WAITING IN SCHED_EXT: 2 (from the kernel's dump)"));
  CHECK_THAT(text, ContainsSubstring(
                       "* left_alone[144]             3112 ms  0x1f                  1  1\n"));
  CHECK_THAT(text, ContainsSubstring(
                       "  kept away[145]              2320 ms  -                     1  0-3,32\n"));
}

TEST_CASE("a report keeps its form with hostile names and many CPUs, failures and complaints") {
  TempDir folder;
  StallTape tape(folder.file("run.ktape"), {.comm = std::string(3000, '\x1b'), .vcpus = 500});
  const std::string complaint = "WARNING: \x1b[2J " + std::string(5000, 'x');
  for (int i = 0; i < 200; ++i) {
    tape.builder().add([&](schema::Record::Builder record) {
      auto oops = record.initGuestOops();
      oops.setKind(schema::OopsKind::WARNING);
      oops.setText(as_data(complaint));
    });
    tape.builder().op({{.tag = "bad\n",
                        .target = symbol_target("jiffies_64"),
                        .status = schema::EntryStatus::REFUSED,
                        .reason = complaint}});
    tape.builder().scheduler_exited(static_cast<uint32_t>(i), 1026);
  }
  tape.end();
  const ChildResult child = report(folder.file("run.ktape"));
  CHECK(child.exit_status == 0);
  check_form(child.output);
  CHECK_THAT(child.output,
             ContainsSubstring("more\n") && ContainsSubstring("verify     ktape verify"));
}

TEST_CASE("a report of a tape that was never sealed says so") {
  TempDir folder;
  const std::string partial = make_partial(folder.file("run.ktape"));
  const ChildResult child = report(partial);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring("not known: the tape was never sealed"));
  CHECK_THAT(child.output, ContainsSubstring("unsealed: "));
  CHECK_THAT(child.output,
             ContainsSubstring("\n  inconclusive: ") && ContainsSubstring("run-completed"));
}

namespace {

void exited(TapeBuilder& tape, uint32_t id, uint64_t kind, std::string_view name,
            std::string_view message) {
  tape.add([&](schema::Record::Builder record) {
    auto attached = record.initSchedulerAttached();
    attached.setId(id);
    attached.setName(as_data(name));
  });
  tape.add([&](schema::Record::Builder record) {
    auto to = record.initSchedulerExited();
    to.setId(id);
    to.setKind(kind);
    to.setReason(as_data(std::string_view(message.empty() ? "unregistered" : "runtime error")));
    to.setMessage(as_data(message));
  });
}

std::string report_of(const TempDir& folder) {
  const ChildResult child = report(folder.file("run.ktape"));
  CHECK(child.exit_status == 0);
  check_form(child.output);
  return child.output;
}

}  // namespace

TEST_CASE("a report tells the errors of many schedulers first, and sums up ordinary exits") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("many");
  for (uint32_t id = 1; id <= 82; ++id) {
    const bool error = id == 20 || id == 50 || id == 82;
    exited(tape, id, error ? 1024 + id : 64, error ? "bad" : "good", error ? "it went wrong" : "");
  }
  tape.seal();
  const std::string text = report_of(folder);
  CHECK_THAT(text, ContainsSubstring("SCHEDULERS: 82, 3 ejected\n"
                                     "  bad: ejected, kind 1044 (seq 41)\n"
                                     "    reason   runtime error\n"
                                     "    message  it went wrong\n"
                                     "  bad: ejected, kind 1074 (seq 101)\n"));
  CHECK_THAT(text, ContainsSubstring("  bad: ejected, kind 1106 (seq 165)\n"));
  CHECK_THAT(text,
             ContainsSubstring("  good: exited, SCX_EXIT_UNREG (64) (79 times, seq 3 to 163)\n"));
}

TEST_CASE("of more errors than a report has room for it tells how many, and of which kind") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("many");
  for (uint32_t id = 1; id <= 90; ++id)
    exited(tape, id, id <= 30 ? 64 : 1024, "s" + std::to_string(id),
           id <= 30 ? "" : "it went wrong");
  tape.seal();
  const std::string text = report_of(folder);
  CHECK_THAT(
      text, ContainsSubstring("SCHEDULERS: 90, 60 ejected\n  s31: ejected, SCX_EXIT_ERROR (1024)"));
  CHECK_THAT(text, ContainsSubstring("SCX_EXIT_ERROR (1024), 30 SCX_EXIT_UNREG (64))\n"));
  CHECK_THAT(text, !ContainsSubstring("exited, SCX_EXIT_UNREG (64) (seq"));
}

TEST_CASE("a report counts violations as such, and notes apart") {
  TempDir folder;
  TempDir programs;
  StallTape tape(folder.file("run.ktape"));
  tape.end();
  const std::string mine = programs.file("ktape-assert-mine");
  std::ofstream(mine) << "#!/bin/sh\necho KTAP version 1; echo 1..1\n"
                         "for i in 1 2 3; do echo \"# violated, seq $i: bad\"; done\n"
                         "for i in 1 2 3 4; do echo \"# note, seq $i: odd\"; done\n"
                         "echo '# note, and 16 more'; echo not ok 1 mine; exit 1\n";
  std::filesystem::permissions(mine, std::filesystem::perms::owner_all);
  const ChildResult child = run_program(
      "ktape-report", {folder.file("run.ktape"), "--analyzers", programs.path(), "--only", "mine"});
  CHECK_THAT(child.output, ContainsSubstring("  mine is violated\n"
                                             "    violated, seq 1: bad\n"
                                             "    violated, seq 2: bad\n"
                                             "    and 1 more, 20 notes\n"));
}

TEST_CASE("the header of a freeze is wrapped, not cut") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("long");
  tape.add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(1);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setTrigger("symbol:a_function_of_the_kernel_that_has_a_long_name");
    began.setVcpu(0);
  });
  tape.add([&](schema::Record::Builder record) { record.initFrozen().setFreeze(1); });
  tape.seal();
  CHECK_THAT(report_of(folder),
             ContainsSubstring(" s into the run)\n") &&
                 ContainsSubstring("'symbol:a_function_of_the_kernel_that_has_a_long_name'"));
}

TEST_CASE("a report tells policy and class of who runs; idle CPUs give way to busy ones") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("many CPUs");
  tape.add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(1);
    began.setCause(schema::FreezeCause::USER);
  });
  tape.add([&](schema::Record::Builder record) {
    auto frozen = record.initFrozen();
    frozen.setFreeze(1);
    auto vcpus = frozen.initVcpus(64);
    for (unsigned cpu = 0; cpu < 64; ++cpu) {
      const bool busy = cpu >= 61;
      vcpus[cpu].setCpu(cpu);
      vcpus[cpu].setKernelStateKnown(true);
      vcpus[cpu].setCurrentPid(busy ? 124 : 0);
      vcpus[cpu].setCurrentComm(as_data(std::string_view(busy ? "rthog" : "swapper")));
      vcpus[cpu].setCurrentPolicy(cpu == 61 ? 1 : 0);
      vcpus[cpu].setCurrentRtPriority(cpu == 61 ? 50 : 0);
      vcpus[cpu].setCurrentPriority(cpu == 62 ? 49 : 120);
      vcpus[cpu].setCurrentClass(!busy       ? "idle_sched_class"
                                 : cpu == 63 ? "ext_sched_class"
                                             : "rt_sched_class");
    }
  });
  tape.seal();
  const std::string text = report_of(folder);
  CHECK_THAT(text, ContainsSubstring("  CPU 0   ran swapper[0] (idle task) at ?\n"));
  CHECK_THAT(text, ContainsSubstring("  CPU 61  ran rthog[124] (fifo 50) at ?\n"
                                     "  CPU 62  ran rthog[124] (normal, class rt, prio 49) at ?\n"
                                     "  CPU 63  ran rthog[124] (normal, class ext) at ?\n"));
  CHECK_THAT(text, ContainsSubstring(" idle)\n"));
}

TEST_CASE(
    "what failed in the same way is told once, with how often; a panic comes before warnings") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("complaints");
  for (int i = 0; i < 40; ++i) {
    tape.add([&](schema::Record::Builder record) {
      auto oops = record.initGuestOops();
      oops.setKind(schema::OopsKind::WARNING);
      oops.setText(as_data("WARNING: CPU: " + std::to_string(i) + " at a place"));
    });
  }
  tape.add([&](schema::Record::Builder record) {
    record.initGuestPanicked().setText(as_data(std::string_view("Kernel panic - not syncing")));
  });
  tape.seal();
  CHECK_THAT(report_of(folder),
             ContainsSubstring(
                 "KERNEL\n"
                 "  seq 42: guest panicked: Kernel panic - not syncing\n"
                 "  40 times, seq 2 to 41: the kernel complained: warning: WARNING: CPU: 0 at\n"
                 "  a place\n"));
}

TEST_CASE("a report says of a kernel's death what TCG is known for") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.add([](schema::Record::Builder record) {
    record.initRunStarted().setAcceleratorUsed(schema::Accelerator::TCG);
  });
  tape.add([](schema::Record::Builder record) {
    auto oops = record.initGuestOops();
    oops.setKind(schema::OopsKind::OOPS);
    oops.setText(
        as_data(std::string_view("Oops: int3: 0000 [#1] SMP NOPTI\n"
                                 "RIP: 0010:__schedule+0x2f7/0x17f0\n"
                                 "Code: e8 7c f8 ff ff 66 <90> 48 8d 7b 48\n")));
  });
  tape.seal();
  CHECK_THAT(report_of(folder),
             ContainsSubstring("the kernel complained: oops: Oops: int3: 0000 [#1] SMP NOPTI;") &&
                 ContainsSubstring("a known fault of QEMU's TCG"));
}

TEST_CASE("two sub-schedulers of one name are told apart in a report, by parent and cgroup") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("test");
  tape.scheduler_attached(1);
  for (uint32_t id : {2u, 3u}) {
    tape.add([&](schema::Record::Builder record) {
      auto attached = record.initSchedulerAttached();
      attached.setId(id);
      attached.setName(as_data("qmap"));
      attached.setParent(1);
      attached.setCgroup(as_data(id == 2 ? "/left" : "/right"));
    });
  }
  tape.seal();
  const std::string text = report(folder.file("run.ktape")).output;
  CHECK_THAT(text, ContainsSubstring("  qmap (child of scheduler 1, cgroup /left): attached") &&
                       ContainsSubstring("  qmap (child of scheduler 1, cgroup /right): attached"));
}

TEST_CASE("a scheduler whose ejection the kernel had not finished was not there to the end") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("test");
  tape.scheduler_attached(1);
  tape.add([](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(1);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setTrigger("scx-error");
    began.setDetail(as_data("SCX_EXIT_ERROR (1024) of 'ktape_vtime': runtime error: soft lockup"));
  });
  tape.seal();
  const std::string text = report(folder.file("run.ktape")).output;
  INFO(text);
  CHECK_THAT(text, ContainsSubstring("was being ejected\n  when the run ended (seq 3)"));
  CHECK_THAT(text, ContainsSubstring("soft lockup"));
  CHECK_THAT(text, !ContainsSubstring("was there to the end"));
}

TEST_CASE("the freeze of a report is one on a scheduler's error, whichever of its hits that is") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("test");
  tape.scheduler_attached(1);
  const auto freeze = [&](uint64_t id, const std::vector<std::pair<uint32_t, const char*>>& hits) {
    tape.add([&](schema::Record::Builder record) {
      auto began = record.initFreezeBegan();
      began.setFreeze(id);
      began.setCause(schema::FreezeCause::TRIGGER);
      began.setTrigger(hits[0].second);
      began.setVcpu(static_cast<int32_t>(hits[0].first));
      auto list = began.initHits(static_cast<unsigned>(hits.size()));
      for (unsigned i = 0; i < list.size(); ++i) {
        list[i].setVcpu(hits[i].first);
        list[i].setTrigger(hits[i].second);
        if (hits[i].second == std::string_view("scx-error"))
          list[i].setDetail(
              as_data("SCX_EXIT_ERROR (1024) of 'ktape_vtime': runtime error: lockup"));
      }
    });
    tape.add([&](schema::Record::Builder record) { record.initThawed().setFreeze(id); });
  };
  freeze(1, {{0, "symbol:schedule"}, {1, "scx-error"}, {2, "symbol:schedule"}});
  freeze(2, {{3, "symbol:schedule"}});
  tape.seal();
  const std::string text = report(folder.file("run.ktape")).output;
  INFO(text);
  CHECK_THAT(text,
             ContainsSubstring(
                 "FREEZE 1, by triggers 'scx-error' on CPU 1 and 'symbol:schedule' on CPUs 0,\n"
                 "2 (seq 3, "));
  CHECK_THAT(text, ContainsSubstring("was being ejected\n  when the run ended (seq 3)"));
}

TEST_CASE(
    "an enable that failed is in a report with what it failed with, and a code with its meaning") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started("test");
  tape.add([](schema::Record::Builder record) {
    auto attempted = record.initSchedulerAttempted();
    attempted.setId(1);
    attempted.setName(as_data("qmap"));
  });
  tape.add([](schema::Record::Builder record) {
    auto failed = record.initSchedulerEnableFailed();
    failed.setId(1);
    failed.setKind(66);
    failed.setExitCode(0x1000100000000);
    failed.setMessage(as_data("expected hotplug seq 1 did not match actual 2"));
  });
  tape.seal();
  const std::string text = report(folder.file("run.ktape")).output;
  INFO(text);
  CHECK_THAT(
      text, ContainsSubstring("qmap: not enabled, SCX_EXIT_UNREG_KERN (66), code 0x1000100000000:\n"
                              "  restart, CPU hotplug (seq 3)\n"));
  CHECK_THAT(text, ContainsSubstring("expected hotplug seq"));
}

TEST_CASE(
    "a report tells of the host, and that freezes kept the kernel from telling of a lock-up") {
  TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  const auto at = [&](uint64_t seconds, const std::function<void(schema::Record::Builder)>& fill) {
    must(tape.writer().append(HostNs(seconds * 1'000'000'000), GuestNs(0), fill));
  };
  const auto waited = [](uint64_t ns) {
    return [ns](schema::Record::Builder record) {
      auto vcpu = record.initRunDelays().initVcpus(1)[0];
      vcpu.setKnown(true);
      vcpu.setWaitedNs(ns);
    };
  };
  at(0, [](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setFreezesResetWatchdogs(true);
    run.initHostProcessor().setKnown(true);
  });
  at(0,
     [](schema::Record::Builder record) { record.initKernelIdentified().setSoftLockupMs(20'000); });
  at(1, waited(0));
  for (uint64_t second = 2; second < 30; second += 4) {
    at(second, [](schema::Record::Builder record) { record.initFreezeBegan(); });
    at(second, [](schema::Record::Builder record) { record.initThawed(); });
  }
  at(31, waited(3'000'000'000));
  at(31, [](schema::Record::Builder record) {
    record.initClocksourceSeen().setName(as_data(std::string_view("hpet")));
    record.getClocksourceSeen().setBefore(as_data(std::string_view("tsc")));
  });
  tape.seal();
  const std::string flat = std::regex_replace(report_of(folder), std::regex("\\s+"), " ");
  INFO(flat);
  CHECK_THAT(
      flat,
      ContainsSubstring(
          "host a host that is no guest vCPUs waited for it: in 30.0 s CPU 0 3.00 s (10.0 %)"));
  CHECK_THAT(flat,
             ContainsSubstring("lock-ups may have gone untold: freezes came at most 5 s apart"));
  CHECK_THAT(flat, ContainsSubstring("the guest's clocksource changed: from 'tsc' to 'hpet'"));
}

TEST_CASE("an altered tape is not reported on") {
  TempDir folder;
  StallTape tape(folder.file("run.ktape"));
  tape.end();
  damage(folder.file("run.ktape"), "kworker/u8:1");
  const ChildResult child = report(folder.file("run.ktape"));
  CHECK(child.exit_status == 3);
  CHECK(child.output.empty());
}

TEST_CASE("a report on a freeze that the tape does not have is exit status 77") {
  TempDir folder;
  StallTape tape(folder.file("run.ktape"));
  tape.end();
  CHECK(run_program("ktape-report", {folder.file("run.ktape"), "--freeze", "9"}).exit_status == 77);
}

TEST_CASE("a dump that is no dump has no waiting tasks") {
  for (const char* text : {"", "R [", "  R a[1] ms\n", "  R a] [ -5ms", "CPU x\n*\n cpus=zz",
                           "  R a[99999999999] -1ms"}) {
    CHECK(waiting_in_dump(text).total == 0);
  }
}

}  // namespace ktape::test
