// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/stock_kernel.h"
#include "tests/vm/checks/capture_fixture.h"
#include "tests/vm/checks/gate_check.h"
#include "tests/vm/checks/reference_check.h"

namespace ktape::test {

using schema::EntryStatus;
using schema::Gate;
using schema::Outcome;

namespace {

// The value of a refused write is not there.
void check_untouched(const Captured& captured) {
  const EntryFacts& after = captured.facts.entries.at("after");
  CHECK(after.status == EntryStatus::DONE);
  CHECK(after.value != kThirtyDaysNs);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture, "the reference scenario passes on 6.16 with KASLR", "[kvm]") {
  Captured captured = capture("cold_path_roundtrip", "6.16");
  check_reference(captured);
  // The physical and the virtual slide are independent: one of them may be 0 by chance.
  CHECK((captured.facts.slide != 0 || captured.facts.phys_base != 0));
}

TEST_CASE_METHOD(CaptureFixture, "the reference scenario passes on 6.16 without KASLR", "[kvm]") {
  Captured captured = capture("cold_path_roundtrip", "6.16", {"--no-kaslr"});
  check_reference(captured);
  CHECK(captured.facts.slide == 0);
  CHECK(captured.facts.phys_base == 0);
}

TEST_CASE_METHOD(CaptureFixture, "the reference scenario passes on 7.3", "[kvm]") {
  Captured captured = capture("cold_path_roundtrip", "7.3");
  check_reference(captured);
}

TEST_CASE_METHOD(CaptureFixture,
                 "a write to a spinning worker is refused because it is on the runqueue") {
  Captured captured = capture("spinning_worker_write", "6.16");
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  CHECK(captured.facts.outcome == Outcome::SCENARIO_FAILED);
  const EntryFacts& write = captured.facts.entries.at("write_dsq_vtime");
  CHECK(write.status == EntryStatus::REFUSED);
  CHECK(write.gates == 12);
  check_gates(captured.facts, "write_dsq_vtime", {Gate::OFF_RUNQUEUE}, "spinner");
  check_untouched(captured);
}

TEST_CASE_METHOD(CaptureFixture, "a wrong start time is refused by the identity gate") {
  Captured captured = capture("wrong_start_time", "6.16");
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  const EntryFacts& write = captured.facts.entries.at("write_dsq_vtime");
  CHECK(write.status == EntryStatus::REFUSED);
  CHECK(write.failed == std::set<Gate>{Gate::IDENTITY});
  check_untouched(captured);
}

TEST_CASE_METHOD(CaptureFixture,
                 "a guest panic ends in a sealed tape that says panic, with the console text",
                 "[kvm]") {
  Captured captured = capture("guest_panic", "6.16");
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  CHECK(captured.facts.outcome == Outcome::GUEST_PANICKED);
  CHECK(captured.facts.panic.find("Kernel panic - not syncing: sysrq triggered crash") !=
        std::string::npos);
  CHECK(captured.facts.console.find("sysrq: Trigger a crash") != std::string::npos);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

TEST_CASE_METHOD(CaptureFixture, "a hung guest is ended by the run watchdog", "[kvm]") {
  Captured captured = capture("hung_guest", "6.16");
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  CHECK(captured.facts.outcome == Outcome::RUN_TIMED_OUT);
  CHECK(captured.facts.watchdog == "run");
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

TEST_CASE_METHOD(CaptureFixture,
                 "a kernel without sched_ext runs a scenario that needs no scheduler") {
  const Captured captured = capture_text("no_scheduler", R"((
    name = "no_scheduler",
    durationMs = 500,
    workers = [(name = "sleeper", policy = normal, phases = [(sleepMs = 600000)])],
    steps = [
      (name = "settle", actions = [(wait = (worker = "sleeper", state = sleeping, deadlineMs = 30000))]),
      (name = "look", actions = [
        (op = (entry = (tag = "jiffies", target = (symbol = "jiffies_64"), read = u64))),
        (op = (entry = (tag = "pid", target = (task = (worker = "sleeper"), path = "pid"), read = u32))),
        (op = (entry = (tag = "queue", target = (perCpu = (symbol = "runqueues", cpu = 0), path = "nr_running"),
                        read = u32))),
      ]),
    ],
  ))",
                                         "6.12");
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  CHECK(captured.facts.entries.at("jiffies").status == EntryStatus::DONE);
  CHECK(captured.facts.entries.at("queue").status == EntryStatus::DONE);
  const EntryFacts& pid = captured.facts.entries.at("pid");
  CHECK(pid.status == EntryStatus::DONE);
  CHECK(pid.value == static_cast<uint64_t>(captured.facts.workers.at("sleeper")));
  CHECK(pid.gates == 12);
  CHECK(pid.failed.empty());
  for (const Gate blind :
       {Gate::NOT_QUEUED, Gate::SCHED_CLASS, Gate::POLICY, Gate::NO_DISPATCH, Gate::ENABLED}) {
    CHECK(pid.observed.at(blind) == "this kernel has no sched_ext");
  }
}

}  // namespace ktape::test
