// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/freeze_runs.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

using schema::EntryStatus;
using schema::Gate;
using schema::Outcome;

namespace {

constexpr uint32_t kCpus = 8;
constexpr size_t kRounds = kFreezesPerRun / 2;  // one freeze writes, one reads

// Far ahead of anything that the scheduler gives, and all different.
uint64_t written_in(size_t round) { return uint64_t{2'592'000'000'000'000} + round * 1'000'003; }

std::string op(const std::string& tag, const std::string& target, const std::string& action) {
  return fmt::format("(op = (entry = (tag = \"{}\", target = ({}), {}))),\n", tag, target, action);
}

}  // namespace

std::string freeze_scenario() {
  const std::string vtime = "task = (worker = \"sleeper\"), path = \"scx.dsq_vtime\"";
  std::string workers = "(name = \"sleeper\", phases = [(sleepMs = 600000)]),\n";
  std::string actions;
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    workers += fmt::format("(name = \"spinner{0}\", cpus = [{0}], phases = [(spinMs = 600000)]),\n", cpu);
  }
  for (size_t round = 0; round < kRounds; ++round) {
    actions += op(fmt::format("write{}", round), vtime, fmt::format("write = (u64 = {})", written_in(round)));
    actions += op(fmt::format("read{}", round), vtime, "read = u64");
    actions += op(fmt::format("jiffies{}", round), "symbol = \"jiffies_64\"", "read = u64");
    actions += op(
        fmt::format("running{}", round),
        fmt::format("perCpu = (symbol = \"runqueues\", cpu = {}), path = \"scx.nr_running\"", round % kCpus),
        "read = u32");
    actions += "(sleepMs = 20),\n";
  }
  return fmt::format(
      "(name = \"freezes\", watchdogMs = 300000, machine = (cpus = {}), scheduler = (vtime = (switchMode = "
      "full)),\n"
      "workers = [{}],\nsteps = [\n(name = \"settle\", actions = [(wait = (worker = \"sleeper\")),"
      " (sleepMs = 500)]),\n(name = \"freezes\", actions = [{}]),\n],\n)",
      kCpus, workers, actions);
}

void check_freeze_run(const Captured& captured) {
  const TapeFacts& facts = captured.facts;
  INFO(captured.program.output);
  CHECK(facts.freezes == kFreezesPerRun);
  CHECK(facts.thaws == kFreezesPerRun);
  CHECK(facts.requests == kFreezesPerRun);
  for (const auto& [op, replies] : facts.replies_by_op) {
    INFO("op " << op);
    CHECK(replies == 1);
  }
  // SCX_EXIT_UNREG: the scheduler was let go at the end, and not for a stall.
  CHECK(facts.scheduler_exit_kinds == std::vector<uint64_t>{64});

  bool refused = false;
  std::optional<uint64_t> value;
  uint64_t jiffies = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    const EntryFacts& write = facts.entries.at(fmt::format("write{}", round));
    if (write.status == EntryStatus::DONE) {
      value = written_in(round);
    } else {
      // The sleeper's CPU has a spinner, whose tick may hold the runqueue's lock; nothing else may stop a
      // write.
      refused = true;
      CHECK(write.status == EntryStatus::REFUSED);
      CHECK(write.failed == std::set<Gate>{Gate::UNLOCKED});
      CHECK_FALSE(facts.frozen.at(write.freeze).locked_cpus.empty());
    }
    const EntryFacts& read = facts.entries.at(fmt::format("read{}", round));
    CHECK(read.status == EntryStatus::DONE);
    if (value) CHECK(read.value == *value);
    const uint64_t now = facts.entries.at(fmt::format("jiffies{}", round)).value;
    CHECK(now >= jiffies);  // the CPU whose tick moves them may not have had its turn
    jiffies = now;
    CHECK(facts.entries.at(fmt::format("running{}", round)).value >= 1);
  }
  CHECK(value.has_value());
  CHECK(facts.outcome == (refused ? Outcome::SCENARIO_FAILED : Outcome::COMPLETED));
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

}  // namespace ktape::test
