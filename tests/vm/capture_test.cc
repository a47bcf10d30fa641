// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/tasks.h"
#include "replay/tape_index.h"
#include "replay/tape_kernel.h"
#include "schema/journal/reader.h"
#include "tests/support/must.h"
#include "tests/support/stock_kernel.h"
#include "tests/vm/capture_fixture.h"
#include "tests/vm/gate_check.h"
#include "tests/vm/replay_check.h"

namespace ktape::test {

using schema::EntryStatus;
using schema::Gate;
using schema::Outcome;

namespace {

constexpr uint64_t kThirtyDaysNs = uint64_t{30} * 24 * 3600 * 1'000'000'000;

std::string text_at(const Kernel& kernel, const GuestMemory& memory, GuestVirtual address) {
  std::string text(16, '\0');
  must(kernel.read(memory, address, std::as_writable_bytes(std::span(text.data(), text.size()))));
  return text.c_str();
}

// What `--memory sched` promises: the memory of the scheduler, as it was before the ops of each freeze.
void check_memory(const Captured& captured) {
  auto tape = must(JournalReader::open(captured.tape));
  const TapeIndex index = must(TapeIndex::make(*tape));
  const Kernel kernel = must(restore_kernel(*tape, index));
  const Btf& btf = kernel.btf();
  LayoutLog log(btf);
  const TaskFinder finder = must(TaskFinder::create(kernel, log));
  std::vector<uint64_t> vtimes;
  for (const RecordedFreeze& freeze : index.freezes()) {
    const RecordedMemory memory = must(memory_at(*tape, freeze));
    const Pid pid(captured.facts.workers.at("sleeper"));
    const std::optional<GuestVirtual> task = must(finder.find(memory, pid));
    REQUIRE(task);
    std::vector<std::byte> bytes(must(btf.type("struct task_struct")).size_bytes);
    CHECK(kernel.read(memory, *task, bytes).ok());
    const FieldInfo vtime = must(btf.field("struct task_struct", "scx.dsq_vtime"));
    vtimes.push_back(must(kernel.read_uint(memory, *task + vtime.offset_bytes, 8)));

    bytes.resize(must(btf.type("struct rq")).size_bytes);
    for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
      CHECK(kernel.read(memory, must(kernel.per_cpu(memory, "runqueues", CpuId(cpu))), bytes).ok());
    }
    const GuestVirtual scheduler(must(kernel.read_uint(memory, must(kernel.symbol("scx_root")), 8)));
    const FieldInfo name = must(btf.field("struct scx_sched", "ops.name"));
    CHECK(text_at(kernel, memory, scheduler + name.offset_bytes) == "ktape_vtime");
  }
  REQUIRE(vtimes.size() == 2);  // the write's freeze, then the reads'
  CHECK(vtimes[0] != kThirtyDaysNs);
  CHECK(vtimes[1] == kThirtyDaysNs);
}

// The whole promise of the reference scenario, on whatever kernel it ran.
void check_reference(const Captured& captured) {
  INFO(captured.program.output);
  const TapeFacts& facts = captured.facts;
  CHECK(captured.program.exit_status == 0);
  REQUIRE(facts.outcome == Outcome::COMPLETED);
  CHECK(facts.exit_code == 0);
  CHECK(facts.vmcoreinfo_agrees);

  CHECK(facts.requests == 2);  // the write, and the three reads merged into one
  CHECK(facts.replies == 2);
  CHECK(facts.freezes == 2);
  CHECK(facts.thaws == 2);
  for (const auto& [tag, entry] : facts.entries) {
    INFO("entry " << tag << ": " << entry.reason);
    CHECK(entry.status == EntryStatus::DONE);
    CHECK(entry.failed.empty());
  }
  const EntryFacts& vtime = facts.entries.at("verify_dsq_vtime");
  CHECK(vtime.value == kThirtyDaysNs);
  CHECK(vtime.width_bytes == 8);
  CHECK(vtime.gates == 12);
  CHECK(facts.entries.at("verify_rq_nr_running").width_bytes == 4);
  CHECK(facts.entries.at("verify_jiffies_64").value > 0);
  CHECK(facts.scheduler_exit_kinds == std::vector<uint64_t>{64});  // SCX_EXIT_UNREG: detached at the end

  ChildResult check = run_built("ktape-check", {captured.tape});
  INFO(check.output);
  // A freeze may fall into an update of what it reads; freeze-consistent then leaves that value undecided.
  const bool updating = std::ranges::any_of(
      facts.frozen, [](const auto& freeze) { return !freeze.second.locked_cpus.empty(); });
  CHECK((check.exit_status == 0 || (updating && check.exit_status == 77)));
  check_memory(captured);
  check_replay(captured);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

// What a refused write would have stored is not there.
void check_untouched(const Captured& captured) {
  const EntryFacts& after = captured.facts.entries.at("after");
  CHECK(after.status == EntryStatus::DONE);
  CHECK(after.value != kThirtyDaysNs);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture, "the reference scenario holds on 6.16.12 with KASLR") {
  Captured captured = capture("cold_path_roundtrip", "6.16.12");
  check_reference(captured);
  // The physical and the virtual slide are independent: one of them may be 0 by chance.
  CHECK((captured.facts.slide != 0 || captured.facts.phys_base != 0));
}

TEST_CASE_METHOD(CaptureFixture, "the reference scenario holds on 6.16.12 without KASLR") {
  Captured captured = capture("cold_path_roundtrip", "6.16.12", {"--no-kaslr"});
  check_reference(captured);
  CHECK(captured.facts.slide == 0);
  CHECK(captured.facts.phys_base == 0);
}

TEST_CASE_METHOD(CaptureFixture, "the reference scenario holds on 7.3.4") {
  Captured captured = capture("cold_path_roundtrip", "7.3.4");
  check_reference(captured);
}

TEST_CASE_METHOD(CaptureFixture, "a write to a spinning worker is refused because it is on the runqueue") {
  Captured captured = capture("spinning_worker_write", "6.16.12");
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
  Captured captured = capture("wrong_start_time", "6.16.12");
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  const EntryFacts& write = captured.facts.entries.at("write_dsq_vtime");
  CHECK(write.status == EntryStatus::REFUSED);
  CHECK(write.failed == std::set<Gate>{Gate::IDENTITY});
  check_untouched(captured);
}

TEST_CASE_METHOD(CaptureFixture,
                 "a guest panic ends in a sealed tape that says panic, with the console text") {
  Captured captured = capture("guest_panic", "6.16.12");
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  CHECK(captured.facts.outcome == Outcome::GUEST_PANICKED);
  CHECK(captured.facts.panic.find("Kernel panic - not syncing: sysrq triggered crash") != std::string::npos);
  CHECK(captured.facts.console.find("sysrq: Trigger a crash") != std::string::npos);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

TEST_CASE_METHOD(CaptureFixture, "a hung guest is ended by the run watchdog") {
  Captured captured = capture("hung_guest", "6.16.12");
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  CHECK(captured.facts.outcome == Outcome::RUN_TIMED_OUT);
  CHECK(captured.facts.watchdog == "run");
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

TEST_CASE_METHOD(CaptureFixture, "a kernel without sched_ext runs a scenario that needs no scheduler") {
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
                                         cached_of_series("6.12"));
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
