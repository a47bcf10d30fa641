// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

// A default run, and the possible differences of another one.
struct RunSpec {
  std::string scenario = "test";
  std::string scenario_text = "( name = \"test\" )";
  // Failures that it expects: assertion and match.
  std::vector<std::pair<std::string, std::string>> expect = {};
  std::string kernel = "6.16.12";
  uint64_t slide = 0x15400000;
  int32_t pid = 147;
  uint64_t start_boottime_ns = 1'930'000'000;
  uint64_t vtime_offset = 848;
  uint64_t nr_running = 1;
  uint64_t jiffies = 4'294'892'877;
  uint64_t vtime_read = 7000;
  uint64_t vtime_after_write = 7000;
  schema::EntryStatus write_status = schema::EntryStatus::DONE;
  bool with_last_entry = true;
  uint64_t exit_kind = 64;
  int64_t exit_code = 0;
  std::string exit_message;
  uint64_t lost_bytes = 0;
  std::vector<std::string> clocksources;  // as they were seen
  schema::Outcome outcome = schema::Outcome::COMPLETED;
};

// Records such a run: a worker's vtime is read, written and read again in step 'write', and the
// runqueue and jiffies are read in step 'look'.
SealedTape record_run(const std::string& path, const RunSpec& spec);

}  // namespace ktape::test
