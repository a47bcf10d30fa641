// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "capture/run/boot_deadline.h"
#include "schema/base/file.h"
#include "schema/terms/tcg_fault.h"
#include "tests/capture/run/engine_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;
using Record = schema::Record;

TEST_CASE_METHOD(EngineFixture, "a run in which the agent says done has completed") {
  hello();
  step_started(0, "only");
  done();
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::COMPLETED);
  CHECK(end.exit_code == 0);
  CHECK(scenario_arrived);
  CHECK(machine().ended());
  CHECK(kinds() == std::vector{Record::GUEST_HELLO, Record::STEP_STARTED, Record::GUEST_EXITED,
                               Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture,
                 "the agent hears that its last message is on the tape, and powers off only then") {
  hello();
  step_started(0, "only");
  done();
  machine().on_idle([this] {
    if (done_heard > 0) ended();
  });
  const RunEnd end = run();
  CHECK(done_heard == 1);
  CHECK(end.outcome == Outcome::COMPLETED);
}

TEST_CASE_METHOD(EngineFixture, "a run whose agent reports a failed step has not completed") {
  hello();
  step_started(0, "only");
  done(1);
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::SCENARIO_FAILED);
  CHECK(end.exit_code == 1);
}

TEST_CASE_METHOD(EngineFixture, "a clean power-off without done does not complete the run") {
  hello();
  step_started(0, "only");
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::GUEST_EXITED);
  CHECK(end.exit_code == -1);
  CHECK(end.detail.find("in step 'only'") != std::string::npos);
}

TEST_CASE_METHOD(
    EngineFixture,
    "a panic is recognised on the console, although the machine only says that it ended") {
  hello();
  step_started(0, "only");
  console("[ 5.0] Kernel panic - not syncing: Fatal exception\n[ 5.1] CPU: 1");
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::GUEST_PANICKED);
  CHECK(end.detail == "Kernel panic - not syncing: Fatal exception");
  // The unfinished last line is kept as well.
  CHECK(kinds() == std::vector{Record::GUEST_HELLO, Record::STEP_STARTED, Record::CONSOLE,
                               Record::CONSOLE, Record::GUEST_PANICKED, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture,
                 "a panic from the known fault of TCG is reported as that, but not under KVM") {
  constexpr char kDeath[] = R"([ 97.6] Oops: int3: 0000 [#1] SMP NOPTI
[ 97.6] RIP: 0010:sched_balance_update_blocked_averages+0x45/0x90
[ 97.6] Code: e8 7c f8 ff ff 66 <90> 48 8d 7b 48
[ 97.6] ---[ end trace 0000000000000000 ]---
[ 97.6] Kernel panic - not syncing: Fatal exception in interrupt
)";
  const bool emulated = GENERATE(true, false);
  machine().mutable_facts().accelerator_used = emulated ? Accelerator::kTcg : Accelerator::kKvm;
  hello();
  console(kDeath);
  ended();
  const RunEnd end = run();
  CHECK(end.outcome == Outcome::GUEST_PANICKED);
  CHECK((end.detail == "Kernel panic - not syncing: Fatal exception in interrupt") == !emulated);
  CHECK(end.detail.ends_with(kPatchingFault) == emulated);
  CHECK((std::ranges::count(progress.lines, kPatchingFault) == 1) == emulated);
}

TEST_CASE_METHOD(EngineFixture, "a lost machine is its own outcome, with the reason") {
  hello();
  lost("QEMU ended by signal 9");
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(end.detail == "QEMU ended by signal 9");
  CHECK(kinds() == std::vector{Record::GUEST_HELLO, Record::MACHINE_LOST, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture, "a guest that never says hello meets the boot watchdog") {
  scenario(
      "(name = \"t\", bootDeadlineMs = 50, steps = [(name = \"only\", actions = [(sleepMs = "
      "1)])])");
  console("stuck here\n");
  RunEnd end = run();
  CHECK(end.outcome == Outcome::BOOT_TIMED_OUT);
  CHECK(end.detail.find("'stuck here'") != std::string::npos);
  CHECK(end.detail.ends_with("; raise 'bootDeadlineMs' in the scenario to allow more"));
  CHECK(kinds() == std::vector{Record::CONSOLE, Record::WATCHDOG_FIRED, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture, "a step that never ends meets the run watchdog") {
  scenario(
      "(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  RunEnd end = run();
  CHECK(end.outcome == Outcome::RUN_TIMED_OUT);
  CHECK(end.detail ==
        "50 ms passed while in step 'only'; raise 'watchdogMs' in the scenario to allow more");
  CHECK(machine().ended());
}

TEST_CASE("a machine with many CPUs may take longer to boot, and even longer if it is emulated") {
  using std::chrono::seconds;
  CHECK(default_boot_deadline(1, Accelerator::kTcg) == seconds(120));
  CHECK(default_boot_deadline(2, Accelerator::kTcg) == seconds(120));
  CHECK(default_boot_deadline(64, Accelerator::kTcg) == seconds(864));
  CHECK(default_boot_deadline(64, Accelerator::kKvm) == seconds(244));
}

TEST_CASE_METHOD(EngineFixture, "a step may begin when the host is ready for it") {
  hello();
  step_started(0, "only");
  done();
  ended();
  (void)run();
  CHECK(ready_steps == std::vector<uint32_t>{0});
}

// The in-memory equivalent of a QEMU that was stopped (SIGSTOP): a lost machine is never the
// guest's failure.
TEST_CASE_METHOD(EngineFixture,
                 "a machine that does not answer when the watchdog fires is lost, not timed out") {
  scenario(
      "(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  machine().fail_next_check(
      Error{ErrorCode::kMachineLost,
            "QEMU does not answer: it is stopped by signal 19 (Stopped (signal))", ""});
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(end.detail == "QEMU does not answer: it is stopped by signal 19 (Stopped (signal))");
  CHECK(kinds() == std::vector{Record::GUEST_HELLO, Record::STEP_STARTED, Record::MACHINE_LOST,
                               Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture, "a signal to the program ends the run and seals its tape") {
  UniqueFd interrupt(::eventfd(1, EFD_CLOEXEC));
  hello();
  RunEnd end = run({.end_fd = interrupt.get(), .freeze_fd = -1});
  CHECK(end.outcome == Outcome::INTERRUPTED);
  CHECK(kinds().back() == Record::SEALED);
}

TEST_CASE_METHOD(EngineFixture, "a guest that never stops talking does not keep the user waiting") {
  UniqueFd interrupt(::eventfd(1, EFD_CLOEXEC));
  hello();
  for (int i = 0; i < 100; ++i) console("chatter\n");
  CHECK(run({.end_fd = interrupt.get(), .freeze_fd = -1}).outcome == Outcome::INTERRUPTED);
  std::vector<Record::Which> all = kinds();
  CHECK(std::count(all.begin(), all.end(), Record::CONSOLE) < 100);
}

TEST_CASE_METHOD(EngineFixture, "garbage from the agent ends the run as a broken protocol") {
  hello();
  agent_sends_bytes(std::string_view("\x05\x00\x00\x00garbage", 11));
  RunEnd end = run();
  CHECK(end.outcome == Outcome::PROTOCOL_BROKEN);
}

TEST_CASE_METHOD(EngineFixture, "an agent of another protocol version is refused by its number") {
  agent_says([](schema::FromAgent::Builder message) { message.initHello().setProtocol(99); });
  RunEnd end = run();
  CHECK(end.outcome == Outcome::PROTOCOL_BROKEN);
  CHECK(end.detail ==
        "the agent speaks protocol 99, expected " + std::to_string(schema::PROTOCOL_VERSION));
}

}  // namespace ktape::test
