// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/selftest_check.h"

#include <catch2/catch_test_macros.hpp>

// Shows that the check of a run of the kernel's selftests finds errors.
namespace ktape::test {

namespace {

using Sentences = std::vector<std::string>;

const std::vector<ExpectedTest> kExpected = {
    {"minimal", {{.name = "minimal", .kind = 64}}},
    {"exit",
     {{.name = "exit",
       .enabling = Enabling::kEither,
       .kind = 65,
       .message = "0",
       .watched_closely = true},
      {.name = "exit",
       .enabling = Enabling::kFails,
       .kind = 65,
       .code = 1,
       .message = "1",
       .watched_closely = true}}},
    {"nohz_tick", {}, false, true},
    {"reload_loop", {{.name = "maximal", .kind = 64}}, true},
};

TapeScheduler scheduler(const std::string& name, bool enabled, uint64_t kind, int64_t code,
                        const std::string& message) {
  return {name,
          enabled,
          false,
          true,
          kind,
          code,
          kind == 64 ? "unregistered from user space" : "unregistered from BPF",
          message};
}

SelftestRun good_run() {
  return {{scheduler("minimal", true, 64, 0, ""), scheduler("exit", true, 65, 0, "0"),
           scheduler("exit", false, 65, 1, "1"), scheduler("maximal", true, 64, 0, ""),
           scheduler("maximal", true, 64, 0, "")},
          4,
          "TEST: minimal\nok 1 minimal # \nok 2 exit # \nok 1 minimal # \nok 2 exit # \nok 3 "
          "nohz_tick # SKIP \n"
          "RESULTS:\n\nPASSED:  3\nSKIPPED: 1\nFAILED:  0\n",
          "[1.0] sched_ext: BPF scheduler \"minimal\" enabled\n"
          "[1.1] sched_ext: BPF scheduler \"minimal\" disabled (unregistered from user space)\n"
          "[1.2] sched_ext: BPF scheduler \"exit\" enabled\n"
          "[1.3] sched_ext: BPF scheduler \"exit\" disabled (unregistered from BPF)\n"
          "[1.4] sched_ext: BPF scheduler \"exit\" disabled (unregistered from BPF)\n"
          "[1.5] sched_ext: BPF scheduler \"maximal\" enabled\n"
          "[1.6] sched_ext: BPF scheduler \"maximal\" disabled (unregistered from user space)\n"
          "[1.7] sched_ext: BPF scheduler \"maximal\" enabled\n"
          "[1.8] sched_ext: BPF scheduler \"maximal\" disabled (unregistered from user space)\n"};
}

Sentences wrong(const SelftestRun& run) { return check_selftests(run, kExpected).wrong; }

}  // namespace

TEST_CASE("a run of the selftests that is as expected is good") {
  CHECK(wrong(good_run()).empty());
  CHECK(check_selftests(good_run(), kExpected).slow.empty());
}

TEST_CASE("a failed enable that is recorded as a success is found") {
  SelftestRun run = good_run();
  run.schedulers[2].enabled = true;
  CHECK(wrong(run) == Sentences{"the kernel has enabled 4 schedulers, the tape 5",
                                "enabled number 3: the console has maximal, the tape exit",
                                "exit: the enable of 'exit' succeeded"});
}

TEST_CASE("a full switch that is recorded as a partial one is found") {
  SelftestRun run = good_run();
  run.schedulers[3].partial = true;
  CHECK(wrong(run) ==
        Sentences{"enabled number 3: the console has maximal, the tape maximal (partial)",
                  "reload_loop: the switch of 'maximal' is partial"});
}

TEST_CASE("a scheduler that is missing, and one that is recorded twice, are found") {
  SelftestRun run = good_run();
  run.schedulers.erase(run.schedulers.begin());
  CHECK(wrong(run) ==
        Sentences{
            "the kernel has enabled 4 schedulers, the tape 3",
            "enabled number 1: the console has minimal, the tape exit",
            "disabled number 1: the console has minimal (unregistered from user space), the tape "
            "exit (unregistered from BPF)",
            "minimal: 0 schedulers, expected 1"});
  run = good_run();
  run.schedulers.push_back(run.schedulers.back());
  CHECK(
      wrong(run) ==
      Sentences{"the kernel has enabled 4 schedulers, the tape 5",
                "enabled number 5: the console has none, the tape maximal",
                "disabled number 6: the console has none, the tape maximal (unregistered from user "
                "space)"});
}

TEST_CASE("a wrong kind, code or message, and an exit that is missing, are found") {
  SelftestRun run = good_run();
  run.schedulers[1].kind = 64;
  run.schedulers[1].code = 7;
  run.schedulers[1].message = "";
  CHECK(wrong(run) == Sentences{"exit: kind 64, expected 65", "exit: code 0x7, expected 0x0",
                                "exit: message '', expected '0'"});
  run = good_run();
  run.schedulers.back().exited = false;
  CHECK(wrong(run).back() == "reload_loop: 'maximal' has no exit");
}

TEST_CASE("a scheduler of no test is found") {
  SelftestRun run = good_run();
  run.schedulers[4].name = "other";
  CHECK(wrong(run).back() == "'other' is of no test");
}

TEST_CASE("the runner's own output is compared with the expectation") {
  SelftestRun run = good_run();
  run.output = "not ok 1 minimal # \nok 2 exit # SKIP \nok 3 nohz_tick # \n";
  CHECK(wrong(run) ==
        Sentences{"minimal: the runner says that it has failed",
                  "exit: the runner says that it was skipped",
                  "nohz_tick: the runner says that it was not skipped",
                  "the runner's totals are not\nPASSED:  3\nSKIPPED: 1\nFAILED:  0\nbut\nmissing"});
}

TEST_CASE(
    "an ejection by the kernel's watchdog that a slow host can cause is not an error of the tape") {
  SelftestRun run = good_run();
  run.schedulers[1].kind = 1026;
  run.schedulers[1].reason = "runnable task stall";
  run.schedulers[1].message = "watchdog failed to check in for 1.020s";
  run.schedulers.erase(run.schedulers.begin() + 2);
  run.output = "not ok 2 exit # \nPASSED:  2\nSKIPPED: 1\nFAILED:  1\n";
  run.console.replace(run.console.find("unregistered from BPF"), 21, "runnable task stall");
  const std::string second =
      "[1.4] sched_ext: BPF scheduler \"exit\" disabled (unregistered from BPF)\n";
  run.console.erase(run.console.find(second), second.size());
  const SelftestFindings findings = check_selftests(run, kExpected);
  CHECK(findings.wrong.empty());
  CHECK(
      findings.slow ==
      Sentences{
          "exit: the runner says that it has failed",
          "exit: 'exit' was ejected: runnable task stall: watchdog failed to check in for 1.020s"});
  // Nothing is excused for a scheduler that has 30 s.
  run = good_run();
  run.schedulers[0].kind = 1026;
  CHECK(wrong(run) == Sentences{"minimal: kind 1026, expected 64"});
}

TEST_CASE("the table knows every test of both series") {
  CHECK(expected_selftests("6.12").size() == 21);
  CHECK(expected_selftests("7.3").size() == 33);
}

}  // namespace ktape::test
