// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_facts.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <regex>

#include "schema/wire/data.h"
#include "tests/replay/report/stall_tape.h"
#include "tests/support/must.h"

// ktape-report over tapes that code built: what it finds on them.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

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

TEST_CASE("a report names the known fault of TCG as the cause of a kernel's death") {
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

TEST_CASE("a scheduler whose ejection the kernel had not finished was not attached to the end") {
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
  CHECK_THAT(text, !ContainsSubstring("was still attached at the end"));
}

TEST_CASE("the freeze of a report is one on a scheduler's error, whichever of its hits caused it") {
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

TEST_CASE("a failed enable is in a report with its error, and an exit code with its meaning") {
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
    "a report describes the host, and says that freezes kept the kernel from reporting a lockup") {
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
  CHECK_THAT(flat, ContainsSubstring("host a host that is not a guest vCPUs waited for a CPU: in "
                                     "30.0 s CPU 0 3.00 s (10.0 %)"));
  CHECK_THAT(flat,
             ContainsSubstring("lockups may have gone unreported: freezes came at most 5 s apart"));
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
  const auto freeze = [&](const char* which) {
    return run_program("ktape-report", {folder.file("run.ktape"), "--freeze", which});
  };
  CHECK(freeze("9").exit_status == 77);
  CHECK(freeze("first").exit_status == 2);
}

TEST_CASE("a report names a freeze as the other verbs do") {
  TempDir folder;
  StallTape tape(folder.file("run.ktape"));
  tape.end();
  const std::string path = folder.file("run.ktape");
  const std::string by_default = run_program("ktape-report", {path}).output;
  CHECK_FALSE(by_default.empty());
  CHECK(run_program("ktape-report", {path, "--freeze", "error"}).output == by_default);
  CHECK(run_program("ktape-report", {path, "--freeze", "last"}).exit_status == 0);
}

}  // namespace ktape::test
