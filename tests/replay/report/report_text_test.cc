// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_text.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

#include "schema/wire/data.h"
#include "tests/replay/report/stall_tape.h"
#include "tests/support/agreed_text.h"

// ktape-report over tapes that code built: how its text is laid out, and what gives way in it.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

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

}  // namespace

TEST_CASE("the report of a stall is as specified") {
  const std::string text = std::regex_replace(stall_report(), std::regex("[0-9a-f]{64}"), "DIGEST");
  check_form(text);
  CHECK(text == agreed_text(KTAPE_TESTS "/golden/report.txt", text));
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

TEST_CASE("a report lists the errors of many schedulers first, and sums up ordinary exits") {
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

TEST_CASE("if a report has no room for all errors, it gives their number and kinds") {
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

TEST_CASE("a report shows policy and class of the running tasks, busy CPUs before idle ones") {
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

TEST_CASE("equal failures are reported once, with their number; a panic comes before warnings") {
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

TEST_CASE("two sub-schedulers of one name are distinguished in a report, by parent and cgroup") {
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

}  // namespace ktape::test
