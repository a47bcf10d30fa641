// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/gate_check.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

using schema::Gate;

namespace {

std::string names(const std::set<Gate>& gates) {
  std::string text;
  for (Gate gate : gates) text += " " + std::to_string(static_cast<int>(gate));
  return text;
}

// "pi_lock=free rq_lock=free cpu=1": the task's state as the gate observed it.
uint32_t cpu_of(const EntryFacts& entry) {
  const auto found = entry.observed.find(Gate::UNLOCKED);
  REQUIRE(found != entry.observed.end());
  const size_t at = found->second.find("cpu=");
  REQUIRE(at != std::string::npos);
  return static_cast<uint32_t>(std::stoul(found->second.substr(at + 4)));
}

}  // namespace

void check_gates(const TapeFacts& facts, const std::string& tag, std::set<Gate> expected,
                 const std::string& spinner) {
  const EntryFacts& entry = facts.entries.at(tag);
  INFO("entry " << tag << ": " << entry.reason);
  CHECK(entry.gates == 12);
  std::set<Gate> failed = entry.failed;
  if (!expected.contains(Gate::PID)) {
    const FreezeFacts& freeze = facts.frozen.at(entry.freeze);
    if (!spinner.empty() && !freeze.running.contains(facts.workers.at(spinner))) {
      expected.insert(Gate::NOT_QUEUED);
    }
    if (freeze.locked_cpus.contains(cpu_of(entry))) {
      expected.insert(Gate::UNLOCKED);
      for (Gate unsettled : {Gate::NOT_QUEUED, Gate::NO_DISPATCH}) {
        if (!expected.contains(Gate::OFF_RUNQUEUE)) break;
        expected.erase(unsettled);
        failed.erase(unsettled);
      }
    }
  }
  INFO("failed:" << names(failed) << ", expected:" << names(expected));
  CHECK(failed == expected);
}

}  // namespace ktape::test
