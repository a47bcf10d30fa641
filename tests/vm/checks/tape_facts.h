// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape::test {

// One entry of a request with its result.
struct EntryFacts {
  std::string tag;
  schema::EntryStatus status = schema::EntryStatus::NOT_SAID;
  std::string reason;
  uint64_t value = 0;          // of u8 to u64
  std::vector<uint64_t> list;  // of a list of such values
  uint32_t width_bytes = 0;
  std::set<schema::Gate> failed;  // gates that failed, enforced or not
  std::map<schema::Gate, std::string> observed;
  size_t gates = 0;           // gates recorded, of its last try
  uint64_t gates_freeze = 0;  // in which they were evaluated
  uint64_t freeze = 0;        // in which it was served
  uint64_t physical_address = 0;
};

// What the vCPUs were doing in a freeze, according to its evidence.
struct FreezeFacts {
  std::set<int32_t> running;                                // pid of each CPU's task
  std::set<uint32_t> locked_cpus;                           // whose runqueue was locked
  std::vector<std::pair<int32_t, std::string>> scheduling;  // policy and class of each CPU's task
};

// The guest's report about one subject, at one time.
struct SaidFacts {
  std::string subject;
  std::map<std::string, std::string> facts;
};

// The facts on a run's tape, gathered for tests.
struct TapeFacts {
  schema::Outcome outcome = schema::Outcome::NOT_SAID;
  int32_t exit_code = -1;
  std::string detail;
  std::string release;
  uint64_t slide = 0;
  uint64_t phys_base = 0;
  bool vmcoreinfo_agrees = false;
  std::string console;
  std::string panic;
  std::string watchdog;  // the name of the one that fired
  std::vector<uint64_t> scheduler_exit_kinds;
  std::map<std::string, EntryFacts> entries;  // by tag
  std::map<std::string, int32_t> workers;     // pid by name
  std::map<uint64_t, FreezeFacts> frozen;     // by freeze
  std::vector<SaidFacts> said;
  std::map<uint64_t, size_t> replies_by_op;  // of every op that was requested
  uint32_t hz = 0;
  size_t requests = 0;
  size_t replies = 0;
  size_t tries = 0;  // of all requests
  size_t freezes = 0;
  size_t thaws = 0;
};

[[nodiscard]] Result<TapeFacts> gather_facts(const std::string& tape);

}  // namespace ktape::test
