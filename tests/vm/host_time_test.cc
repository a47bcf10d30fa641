// SPDX-License-Identifier: Apache-2.0
// How the host distorts a guest's time, and what can be judged nevertheless, under TCG as under
// KVM.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/tape/sql.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Rows = std::vector<std::string>;

namespace {

constexpr char kKernel[] = "6.16";
constexpr int kPass = 0, kFail = 1, kInconclusive = 77;

// On CPU 1 a real-time worker leaves an ordinary one the 5 % of the time that the kernel keeps for
// it.
constexpr char kScenario[] = R"((
  name = "starved", scheduler = (vtime = (switchMode = partial)),
  workers = [
    (name = "steady", policy = normal, cpus = [0], loop = true, phases = [(sleepMs = 20)]),
    (name = "starved", policy = normal, cpus = [1], loop = true, phases = [(spinMs = 10)]),
    (name = "hog", policy = fifo, priority = 10, cpus = [1], phases = [(spinMs = 60000)]),
  ],
  steps = [(name = "only", actions = [
    (sleepMs = 4000),
    (op = (entry = (tag = "jiffies", target = (symbol = "jiffies_64"), read = u64))),
  ])],
))";

int evaluated(const std::string& assertion, const std::string& tape,
              std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), tape);
  const ChildResult child = run_built("ktape-assert-" + assertion, arguments);
  INFO(child.output);
  if (child.exit_status == kInconclusive)
    CHECK_THAT(child.output, ContainsSubstring("for a CPU of the host"));
  return child.exit_status;
}

// None of it is lost on the tape.
void check_figures(const std::string& tape) {
  // At adoption, as the step begins and ends, at each freeze, and when the agent was done.
  const Rows freezes = sql_rows(tape, "SELECT count(*) FROM freeze");
  CHECK(sql_rows(tape, "SELECT count(DISTINCT freeze) FROM run_delay WHERE freeze > 0") == freezes);
  CHECK(sql_rows(tape, "SELECT count(*) >= 8 FROM run_delay WHERE freeze = 0") == Rows{"1"});
  CHECK(
      sql_rows(tape, "SELECT count(*) FROM run_delay WHERE ran_ns IS NULL OR waited_ns IS NULL") ==
      Rows{"0"});
  CHECK(sql_rows(tape, "SELECT cpu, count(DISTINCT thread) FROM run_delay GROUP BY cpu") ==
        Rows{"0|1", "1|1"});
  CHECK(sql_rows(tape, "SELECT count(DISTINCT thread) FROM run_delay") == Rows{"2"});
  // Each vCPU's figures only grow, and CPU 1 spun for seconds.
  CHECK(sql_rows(
            tape,
            "SELECT count(*) FROM run_delay a JOIN run_delay b ON a.cpu = b.cpu AND a.seq < b.seq "
            "WHERE b.waited_ns < a.waited_ns OR b.ran_ns < a.ran_ns") == Rows{"0"});
  CHECK(sql_rows(tape,
                 "SELECT max(ran_ns) - min(ran_ns) > 1000000000 FROM run_delay WHERE cpu = 1") ==
        Rows{"1"});
  CHECK(sql_rows(
            tape,
            "SELECT count(*) FROM freeze WHERE waited_ns IS NULL OR waited_ns > 2 * frozen_ns") ==
        Rows{"0"});
  CHECK(sql_rows(tape, "SELECT host_is_guest IS NOT NULL, host_cpus > 0 FROM run") == Rows{"1|1"});
}

void check_workers(const std::string& tape) {
  // 100 % is no limit: anything that the host did is allowed, and the verdict depends on the tape
  // alone.
  CHECK(evaluated("worker-progress", tape, {"--max-gap-ms", "60000", "--max-host-wait", "100"}) ==
        kPass);
  CHECK(evaluated("worker-progress", tape,
                  {"--max-gap-ms", "50", "--worker", "starved", "--max-host-wait", "100"}) ==
        kFail);
  // A busy host keeps a vCPU waiting for more than 5 %; the verdict says so, and nothing else makes
  // it undecided.
  const int status =
      evaluated("worker-progress", tape, {"--max-gap-ms", "50", "--worker", "starved"});
  CHECK((status == kFail || status == kInconclusive));
}

void check_freezes(const std::string& tape) {
  CHECK(evaluated("freeze-bound", tape, {"--max-ns", "60000000000"}) == kPass);
  CHECK(evaluated("freeze-bound", tape, {"--max-ns", "1", "--max-host-wait", "100"}) == kFail);
}

// The kernel's own reports of its clocksources before the last freeze began, in order.
Rows switches_reported(const std::string& tape) {
  constexpr std::string_view kSwitched = "Switched to clocksource ";
  std::string console;
  for (const std::string& text :
       sql_rows(tape,
                "SELECT text FROM console "
                "WHERE seq < (SELECT max(seq_began) FROM freeze) ORDER BY seq")) {
    console += text;
  }
  Rows names;
  for (size_t at = console.find(kSwitched); at != console.npos; at = console.find(kSwitched, at)) {
    at += kSwitched.size();
    names.push_back(
        console.substr(at, console.find_first_of("\\\r\n", at) - at));  // the table writes CR as \r
  }
  return names;
}

// The guest's clocksource is the one that its kernel reported; each change that a freeze could see
// is recorded as well. A kernel may find its TSC unstable at any time.
void check_clock(const std::string& tape) {
  const Rows seen = sql_rows(tape, "SELECT name FROM clocksource ORDER BY seq"),
             reported = switches_reported(tape);
  CAPTURE(seen, reported);
  REQUIRE_FALSE(seen.empty());
  REQUIRE_FALSE(reported.empty());
  CHECK(seen.back() == reported.back());
  auto next = reported.begin();
  for (const std::string& name : seen) {
    next = std::find(next, reported.end(), name);
    REQUIRE(next++ != reported.end());
  }
  CHECK(sql_rows(tape, "SELECT soft_lockup_ms, rcu_stall_ms FROM kernel") == Rows{"20000|21000"});
  CHECK(run_built("ktape-verify", {tape}).exit_status == kPass);
  CHECK(run_built("ktape-replay", {tape}).exit_status == kPass);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture, "times are judged by the vCPUs' waits for the host, under TCG too",
                 "[kvm]") {
  const Captured captured = capture_text("starved", kScenario, kKernel, {"--freeze-every", "1000"});
  INFO(captured.program.output);
  REQUIRE(captured.facts.outcome == schema::Outcome::COMPLETED);
  const std::string& tape = captured.tape;
  if (sql_rows(tape, "SELECT 1 FROM run_delay LIMIT 1").empty())
    SKIP("this host does not count what its threads wait");

  check_figures(tape);
  check_workers(tape);
  check_freezes(tape);
  check_clock(tape);
}

}  // namespace ktape::test
