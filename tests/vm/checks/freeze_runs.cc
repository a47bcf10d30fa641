// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/freeze_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

using schema::EntryStatus;
using schema::Outcome;

namespace {

constexpr uint32_t kCpus = 8;
constexpr size_t kRounds = kFreezesPerRun / 2;  // one freeze writes, one reads
// The kernel finds a stall at the latest after one and a half times the timeout. The pauses alone
// are longer than that: if the freezes had kept a task from its CPU, the scheduler would have been
// ejected.
constexpr uint64_t kStallTimeoutMs = 4000;
constexpr uint64_t kPauseMs = 300;
static_assert((kRounds - 1) * kPauseMs > kStallTimeoutMs * 3 / 2);

// Far ahead of any vtime from the scheduler, and all different.
uint64_t written_in(size_t round) { return uint64_t{2'592'000'000'000'000} + round * 1'000'003; }

std::string op(const std::string& tag, const std::string& target, const std::string& action) {
  return fmt::format("(op = (entry = (tag = \"{}\", target = ({}), {}))),\n", tag, target, action);
}

std::string running_tag(size_t round, uint32_t cpu) {
  return fmt::format("running{}.{}", round, cpu);
}

std::string round_of(size_t round) {
  const std::string vtime = "task = (worker = \"sleeper\"), path = \"scx.dsq_vtime\"";
  const std::string tasks =
      "task = (worker = \"sleeper\"), path = \"tasks{list struct task_struct tasks 1000}.pid\"";
  std::string text = op(fmt::format("write{}", round), vtime,
                        fmt::format("write = (u64 = {})", written_in(round)));
  text += op(fmt::format("read{}", round), vtime, "read = u64");
  text += op(fmt::format("jiffies{}", round), "symbol = \"jiffies_64\"", "read = u64");
  text += op(fmt::format("tasks{}", round), tasks, "read = auto");
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    text += op(
        running_tag(round, cpu),
        fmt::format("perCpu = (symbol = \"runqueues\", cpu = {}), path = \"scx.nr_running\"", cpu),
        "read = u32");
  }
  return text + fmt::format("(sleepMs = {}),\n", kPauseMs);
}

// Compares the runqueues' counts with the existing tasks: each CPU has its spinner.
void check_counts(const TapeFacts& facts, size_t round) {
  const EntryFacts& tasks = facts.entries.at(fmt::format("tasks{}", round));
  CHECK(tasks.status == EntryStatus::DONE);
  for (const auto& [worker, pid] : facts.workers) {
    if (worker == "sleeper") continue;  // the walk begins behind it
    CHECK(std::find(tasks.list.begin(), tasks.list.end(), static_cast<uint64_t>(pid)) !=
          tasks.list.end());
  }
  uint64_t running = 0;
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    const EntryFacts& entry = facts.entries.at(running_tag(round, cpu));
    CHECK(entry.status == EntryStatus::DONE);
    CHECK(entry.value >= 1);
    running += entry.value;
  }
  CHECK(running <= tasks.list.size());
}

// They never go back, and they advanced for longer than a stall can stay undetected.
void check_jiffies(const TapeFacts& facts) {
  std::vector<uint64_t> read;
  for (size_t round = 0; round < kRounds; ++round) {
    read.push_back(facts.entries.at(fmt::format("jiffies{}", round)).value);
  }
  CHECK(std::is_sorted(read.begin(), read.end()));
  REQUIRE(facts.hz > 0);
  CHECK((read.back() - read.front()) * 1000 / facts.hz > kStallTimeoutMs * 3 / 2);
}

}  // namespace

std::string freeze_scenario() {
  std::string workers = "(name = \"sleeper\", phases = [(sleepMs = 600000)]),\n";
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    workers +=
        fmt::format("(name = \"spinner{0}\", cpus = [{0}], phases = [(spinMs = 600000)]),\n", cpu);
  }
  std::string actions;
  for (size_t round = 0; round < kRounds; ++round) actions += round_of(round);
  return fmt::format(
      "(name = \"freezes\", watchdogMs = 300000, machine = (cpus = {}),\n"
      "scheduler = (vtime = (switchMode = full, timeoutMs = {})),\n"
      "workers = [{}],\nsteps = [\n(name = \"settle\", actions = [(wait = (worker = \"sleeper\")),"
      " (sleepMs = 500)]),\n(name = \"freezes\", actions = [{}]),\n],\n)",
      kCpus, kStallTimeoutMs, workers, actions);
}

void check_freeze_run(const Captured& captured) {
  const TapeFacts& facts = captured.facts;
  INFO(captured.program.output);
  // A write that found the runqueue of its task locked took more than one.
  CHECK(facts.tries >= kFreezesPerRun);
  CHECK(facts.freezes == facts.tries);
  CHECK(facts.thaws == facts.tries);
  CHECK(facts.requests == kFreezesPerRun);
  CHECK(facts.replies_by_op.size() == kFreezesPerRun);
  for (const auto& [op, replies] : facts.replies_by_op) {
    INFO("op " << op);
    CHECK(replies == 1);
  }
  // SCX_EXIT_UNREG: the scheduler was unregistered at the end, not ejected for a stall.
  CHECK(facts.scheduler_exit_kinds == std::vector<uint64_t>{64});

  for (size_t round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    const EntryFacts& write = facts.entries.at(fmt::format("write{}", round));
    INFO(write.reason);
    CHECK(write.status == EntryStatus::DONE);
    const EntryFacts& read = facts.entries.at(fmt::format("read{}", round));
    CHECK(read.status == EntryStatus::DONE);
    CHECK(read.value == written_in(round));
    check_counts(facts, round);
  }
  check_jiffies(facts);
  CHECK(facts.outcome == Outcome::COMPLETED);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

}  // namespace ktape::test
