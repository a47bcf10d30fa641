// SPDX-License-Identifier: Apache-2.0
// An op with `every`: its values on the tape, in `ktape show`, in a Perfetto trace.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "tests/replay/export/decoded_trace.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;

namespace {

constexpr char kScenario[] = R"((
  name = "series",
  workers = [(name = "spinner", phases = [(spinMs = 20), (sleepMs = 20)], loop = true)],
  steps = [
    (name = "watch", actions = [
      (op = (every = (ms = 20), entry = (
        tag = "ticks", target = (symbol = "jiffies_64"), read = u64))),
      (op = (mode = cold, every = (ms = 100), entry = (
        tag = "vtime", target = (task = (worker = "spinner"), path = "se.vruntime"), read = u64))),
      (sleepMs = 1000),
    ]),
    (name = "after", actions = [
      (op = (mode = hot, entry = (tag = "ticks", target = (symbol = "jiffies_64"), read = u64))),
    ]),
  ],
))";

std::vector<uint64_t> numbers(const std::string& tape, const std::string& query) {
  std::vector<uint64_t> found;
  for (const std::string& row : sql_rows(tape, query)) found.push_back(std::stoull(row));
  return found;
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "an op with 'every' reads at intervals until its step ends, and its values are a "
                 "series") {
  const Captured captured = capture_text("series", kScenario, "7.3");
  INFO(captured.program.output);
  REQUIRE(captured.program.exit_status == 0);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  const std::vector<uint64_t> ticks =
      numbers(captured.tape, "SELECT value FROM kernel_op WHERE tag = 'ticks' ORDER BY op");
  // No more than intervals in the step, by the guest's clock. How many are missed depends on the
  // host.
  const uint64_t step_ms = numbers(captured.tape,
                                   "SELECT (finished_guest_ns - started_guest_ns) / 1000000 FROM "
                                   "step WHERE name = 'watch'")
                               .at(0);
  CHECK(step_ms >= 1000);
  CHECK(ticks.size() >= 6);
  CHECK(ticks.size() <= step_ms / 20 + 2);
  CHECK(std::ranges::is_sorted(ticks));
  CHECK(ticks.front() < ticks.back());
  const std::vector<uint64_t> asked =
      numbers(captured.tape,
              "SELECT r.requested_guest_ns FROM kernel_op AS k JOIN request AS r ON r.op = k.op "
              "WHERE k.tag = 'ticks' ORDER BY k.op");
  CHECK(std::ranges::is_sorted(asked));
  CHECK(asked.front() > 0);
  const size_t cold =
      numbers(captured.tape, "SELECT freeze FROM kernel_op WHERE tag = 'vtime'").size();
  CHECK(cold >= 2);
  CHECK(cold <= step_ms / 100 + 1);

  const std::string shown = run_built("ktape-show", {captured.tape}).output;
  CHECK_THAT(shown, ContainsSubstring("SERIES\n"));
  CHECK_THAT(shown,
             ContainsSubstring("ticks: jiffies_64: " + std::to_string(ticks.size()) + " values"));

  TempDir folder;
  const std::string trace = folder.file("run.pftrace");
  REQUIRE(run_built("ktape-export", {captured.tape, "--perfetto", "-o", trace}).exit_status == 0);
  const std::vector<Counter> counters = counters_in(decoded(trace));
  const auto counter = std::ranges::find(counters, "jiffies_64:u64", &Counter::name);
  REQUIRE(counter != counters.end());
  std::vector<std::string> texts;
  for (const uint64_t value : ticks) texts.push_back(std::to_string(value));
  CHECK(counter->values == texts);
  CHECK(std::ranges::is_sorted(counter->times));
}

}  // namespace ktape::test
