// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/vm/checks/capture_fixture.h"
#include "tests/vm/checks/gate_check.h"

// The result of each gate for tasks that real kernels keep in the state for which the gate exists.
// Gates 9 and 11 fail during a wakeup, which long_test.cc stops; the state of gate 8 lasts only a
// moment: it is tested on recorded memory.
namespace ktape::test {

using schema::EntryStatus;
using schema::Gate;
using schema::Outcome;

namespace {

using Gates = std::set<Gate>;

constexpr uint64_t kMonthNs = uint64_t{30} * 24 * 3600 * 1'000'000'000;

// A task of another class than sched_ext's: it has that class, a policy that the switch does not
// take over, and sched_ext has not enabled it.
const Gates kOtherClass = {Gate::SCHED_CLASS, Gate::POLICY, Gate::ENABLED};

// sched_ext releases a task at its last switch, in finish_task_switch(), which calls
// sched_ext_dead(); kernels without that function, such as 6.16, wait for its reaper.
const Gates kZombie = {Gate::ALIVE, Gate::ENABLED};
const Gates kZombieUntilReaped = {Gate::ALIVE};

Gates zombie_on(const std::string& series) {
  if (!is_cached(series)) SKIP(not_cached(series));
  const auto kernel = must(learn_kernel(must(load_kernel_image(cached_kernel(series))).vmlinux));
  return kernel->symbols.find("sched_ext_dead") ? kZombie : kZombieUntilReaped;
}

bool stops_reads(const Gates& gates) {
  return gates.contains(Gate::PID) || gates.contains(Gate::IDENTITY) || gates.contains(Gate::ALIVE);
}

// `write` and `read` of a task, each with these gates failing: any of them refuses writes, only
// those of identity refuse reads.
void check_task(const TapeFacts& facts, const std::string& task, const Gates& failing,
                const std::string& spinner = "") {
  for (const char* action : {".write", ".read"}) {
    const std::string tag = task + action;
    check_gates(facts, tag, failing, spinner);
    const EntryFacts& entry = facts.entries.at(tag);
    const bool write = tag.ends_with("write");
    const bool refused = write ? !entry.failed.empty() : stops_reads(failing);
    INFO("entry " << tag << ": " << entry.reason);
    CHECK(entry.status == (refused ? EntryStatus::REFUSED : EntryStatus::DONE));
  }
}

// A refused write changed nothing; a done one is read back.
void check_written(const TapeFacts& facts, const std::set<std::string>& done,
                   const std::set<std::string>& refused) {
  for (const std::string& task : done) CHECK(facts.entries.at(task + ".read").value == kMonthNs);
  for (const std::string& task : refused) CHECK(facts.entries.at(task + ".read").value != kMonthNs);
}

void check_full_switch(const Captured& captured, const Gates& zombie) {
  const TapeFacts& facts = captured.facts;
  INFO(captured.program.output);
  REQUIRE(facts.outcome == Outcome::SCENARIO_FAILED);
  check_gates(facts, "ahead", {});
  check_task(facts, "gone", {Gate::PID});
  check_task(facts, "stranger", {Gate::IDENTITY});
  check_task(facts, "zombie", zombie);
  check_task(facts, "hog", {Gate::OFF_RUNQUEUE}, "hog");
  check_task(facts, "late", {Gate::OFF_RUNQUEUE, Gate::NOT_QUEUED});
  check_task(facts, "fifo", kOtherClass);
  check_task(facts, "normal", {});
  check_task(facts, "idle", {});
  check_task(facts, "stopped", {});
  check_written(facts, {"normal", "idle", "stopped"}, {"hog", "late", "fifo"});
  CHECK(facts.scheduler_exit_kinds == std::vector<uint64_t>{64});  // SCX_EXIT_UNREG
}

void check_partial_switch(const Captured& captured, const Gates& zombie) {
  const TapeFacts& facts = captured.facts;
  INFO(captured.program.output);
  REQUIRE(facts.outcome == Outcome::SCENARIO_FAILED);
  check_task(facts, "gone", {Gate::PID});
  check_task(facts, "stranger", {Gate::IDENTITY});
  check_task(facts, "zombie", zombie);
  check_task(facts, "ext", {});
  check_task(facts, "normal", kOtherClass);
  check_task(facts, "fifo", kOtherClass);
  check_task(facts, "hog", {Gate::OFF_RUNQUEUE}, "hog");
  check_task(facts, "swallowed", {Gate::OFF_RUNQUEUE, Gate::NOT_QUEUED, Gate::NO_DISPATCH});
  check_written(facts, {"ext"}, {"normal", "fifo", "hog", "swallowed"});
  CHECK(facts.scheduler_exit_kinds == std::vector<uint64_t>{1026});  // SCX_EXIT_ERROR_STALL
  // The policy stays the task's own; class and state are not sched_ext's any more.
  check_task(facts, "ejected_ext", {Gate::SCHED_CLASS, Gate::ENABLED});
  check_task(facts, "ejected_normal", kOtherClass);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "gates refuse what a full switch on 6.16 makes refusable, and nothing else") {
  check_full_switch(capture("gates_full", "6.16"), zombie_on("6.16"));
}

TEST_CASE_METHOD(CaptureFixture,
                 "gates refuse what a full switch on 7.3 makes refusable, and nothing else",
                 "[kvm]") {
  check_full_switch(capture("gates_full", "7.3"), zombie_on("7.3"));
}

TEST_CASE_METHOD(
    CaptureFixture,
    "gates refuse what a partial switch on 6.16 makes refusable, also after an ejection") {
  check_partial_switch(capture("gates_partial", "6.16"), zombie_on("6.16"));
}

TEST_CASE_METHOD(
    CaptureFixture,
    "gates refuse what a partial switch on 7.3 makes refusable, also after an ejection") {
  check_partial_switch(capture("gates_partial", "7.3"), zombie_on("7.3"));
}

}  // namespace ktape::test
