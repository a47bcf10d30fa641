// SPDX-License-Identifier: Apache-2.0
// Schedulers that attach and exit, and their records on the tape.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using schema::Outcome;

namespace {

constexpr char kHold[] =
    "(name = \"%\", steps = [(name = \"only\", actions = [(sleepMs = 1500)])])";
constexpr char kCounted[] = "SELECT value FROM sample WHERE name = 'scx_enable_seq'";
constexpr char kRoots[] = "SELECT count(*) FROM scheduler WHERE parent = 0";

std::string sql_value(const std::string& tape, const std::string& query) {
  const std::vector<std::string> rows = sql_rows(tape, query);
  return rows.empty() ? "" : rows.front();
}

class Coming : public CaptureFixture {
 public:
  Coming() { fs::create_directory(overlay.file("opt")); }

  void give(const std::string& file, const std::string& as) {
    fs::copy_file(file, overlay.file("opt/" + as));
  }

  Captured run(const std::string& name, const std::string& kernel, const std::string& scheduler,
               std::vector<std::string> more = {}) {
    std::string text = kHold;
    text.replace(text.find('%'), 1, name);
    more.insert(more.end(), {"--scheduler", scheduler, "--overlay", overlay.path()});
    return capture_text(name, text, kernel, more);
  }

  TempDir overlay;
};

}  // namespace

TEST_CASE_METHOD(Coming,
                 "a scheduler with an error at its first enqueue has attached and was ejected; the "
                 "run continues") {
  const std::string kernel = GENERATE("6.16", "7.3");
  const std::string qmap = example_schedulers(kernel) + "/scx_qmap -e 1";
  const Captured captured = run("errs", kernel, qmap, {"--fail-on-eject"});
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  CHECK_THAT(captured.program.output,
             ContainsSubstring("outcome  completed; scheduler 'qmap' was ejected: "));
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  // Whether the kernel had enabled it by then is arbitrary; that it had tasks is certain.
  const std::string enables = sql_value(captured.tape, kCounted);
  CHECK(sql_value(captured.tape, kRoots) == enables);
  const char* ends =
      enables == "1" ? "SELECT name, seq_attached < seq_exited, exit_kind FROM scheduler"
                     : "SELECT name, seq_attempted < seq_failed, exit_kind FROM scheduler_attempt";
  CHECK(sql_rows(captured.tape, ends) == std::vector<std::string>{"qmap|1|1025"});
  const ChildResult evaluated = run_built("ktape-assert-no-scheduler-error", {captured.tape});
  INFO(evaluated.output);
  CHECK(evaluated.exit_status == 1);
}

TEST_CASE_METHOD(Coming, "a failed enable is reported at once, even if its program keeps running") {
  give(KTAPE_VTIME_OBJECT, "ktape_vtime.bpf.o");
  const std::string kernel = GENERATE("6.19", "7.3");
  const Captured captured = run("fails", kernel, KTAPE_VM_PROGRAMS "/failing_scheduler");
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::SCENARIO_FAILED);
  CHECK_THAT(captured.facts.detail,
             ContainsSubstring(
                 "the kernel did not enable the scheduler 'ktape_vtime': ops.init() failed (-22)"));
  CHECK_THAT(captured.facts.detail, ContainsSubstring("still runs"));
  CHECK(sql_rows(captured.tape,
                 "SELECT id, name, seq_attempted < seq_failed, exit_kind, exit_message "
                 "FROM scheduler_attempt") ==
        std::vector<std::string>{"1|ktape_vtime|1|1024|ops.init() failed (-22)"});
  CHECK(sql_value(captured.tape, "SELECT count(*) FROM scheduler") == "0");
  CHECK(sql_value(captured.tape, kCounted) == "0");
}

TEST_CASE_METHOD(
    Coming,
    "schedulers that attach and detach are all on the tape, each of them with a full switch",
    "[kvm]") {
  const std::string kernel = GENERATE("6.16", "7.3");
  give(example_schedulers(kernel) + "/scx_simple", "scx_simple");
  const Captured captured = capture_text(
      "again", "(name = \"again\", steps = [(name = \"only\", actions = [(sleepMs = 15000)])])",
      kernel, {"--scheduler", KTAPE_VM_PROGRAMS "/attach_again 6", "--overlay", overlay.path()});
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  const std::string attached = sql_value(captured.tape, kRoots);
  CHECK(std::stoi(attached) >= 2);
  CHECK(sql_value(captured.tape, kCounted) == attached);
  CHECK(sql_value(captured.tape, "SELECT count(*) FROM scheduler WHERE switch_mode = 'partial'") ==
        "0");
  CHECK(sql_value(captured.tape, "SELECT count(*) FROM scheduler WHERE exit_kind = 64") ==
        attached);
  CHECK(sql_value(captured.tape,
                  "SELECT count(*) FROM scheduler_attempt WHERE seq_failed IS NOT NULL") == "0");
}

TEST_CASE_METHOD(CaptureFixture,
                 "workers of a real-time priority below the agent's do not silence it", "[kvm]") {
  const Captured captured = capture_text("rt_hogs", R"((
    name = "rt_hogs",
    workers = [
      (name = "rthog0", policy = fifo, priority = 98, cpus = [0],
       phases = [(sleepMs = 500), (spinMs = 4000)]),
      (name = "rthog1", policy = fifo, priority = 98, cpus = [1],
       phases = [(sleepMs = 500), (spinMs = 4000)]),
    ],
    steps = [(name = "meanwhile", actions = [(sleepMs = 1500), (report = (worker = "rthog0")),
     (sleepMs = 500)])],
  ))",
                                         "7.3");
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
}

TEST_CASE_METHOD(CaptureFixture,
                 "an agent that real-time workers starve is reported, with the workers") {
  const Captured captured = capture_text("starved", R"((
    name = "starved", agentPriority = 50, watchdogMs = 8000, durationMs = 7000,
    workers = [
      (name = "rthog0", policy = fifo, priority = 99, cpus = [0],
       phases = [(sleepMs = 1500), (spinMs = 600000)]),
      (name = "rthog1", policy = fifo, priority = 99, cpus = [1],
       phases = [(sleepMs = 1500), (spinMs = 600000)]),
    ],
    steps = [(name = "meanwhile", actions = [(sleepMs = 3000)]),
     (name = "hold", actions = [(hold = void)])],
  ))",
                                         "7.3");
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::RUN_TIMED_OUT);
  CHECK_THAT(captured.facts.detail, ContainsSubstring("and is starved: CPU 0 runs rthog0[") &&
                                        ContainsSubstring("(fifo 99), CPU 1 runs rthog1["));
  CHECK(sql_value(captured.tape, "SELECT count(*) FROM freeze WHERE cause = 'watchdog'") == "1");
}

TEST_CASE_METHOD(CaptureFixture, "a scheduler is disabled although real-time workers never sleep") {
  const bool own = GENERATE(true, false);
  const std::string scheduler = own ? "scheduler = (vtime = (switchMode = full))," : "";
  std::vector<std::string> more;
  if (!own) more = {"--scheduler", example_schedulers("7.3") + "/scx_simple"};
  const Captured captured = capture_text("outlived",
                                         R"((
    name = "outlived", watchdogMs = 60000, )" +
                                             scheduler + R"(
    workers = [
      (name = "rthog0", policy = fifo, priority = 98, cpus = [0],
       phases = [(sleepMs = 500), (spinMs = 600000)]),
      (name = "rthog1", policy = fifo, priority = 98, cpus = [1],
       phases = [(sleepMs = 500), (spinMs = 600000)]),
    ],
    steps = [(name = "meanwhile", actions = [(sleepMs = 1500)])],
  ))",
                                         "7.3", more);
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  CHECK(sql_value(captured.tape, "SELECT count(*) FROM scheduler WHERE exit_kind = 64") == "1");
}

TEST_CASE_METHOD(CaptureFixture, "a run that is frozen all the time ends as its agent says") {
  for (int i = 0; i < 3; ++i) {
    const Captured captured = capture_text(
        "often", "(name = \"often\", steps = [(name = \"only\", actions = [(sleepMs = 700)])])",
        "7.3", {"--freeze-every", "50"});
    INFO(captured.program.output);
    CHECK(captured.facts.outcome == Outcome::COMPLETED);
  }
}

}  // namespace ktape::test
