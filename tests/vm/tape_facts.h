// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape::test {

// One entry of a request with what came of it.
struct EntryFacts {
  std::string tag;
  schema::EntryStatus status = schema::EntryStatus::NOT_SAID;
  std::string reason;
  uint64_t value = 0;  // of u8 to u64
  uint32_t width_bytes = 0;
  std::set<schema::Gate> failed;  // gates that failed, enforced or not
  size_t gates = 0;               // gates recorded
};

// What a run's tape says, gathered for tests.
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
  std::map<int32_t, bool> running;  // pid of each CPU's task in the last freeze: is its runqueue locked
  size_t requests = 0;
  size_t replies = 0;
  size_t freezes = 0;
  size_t thaws = 0;
};

[[nodiscard]] Result<TapeFacts> gather(const std::string& tape);

}  // namespace ktape::test
