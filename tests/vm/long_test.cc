// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdio>

#include "tests/support/tape/sql.h"
#include "tests/vm/checks/freeze_runs.h"
#include "tests/vm/checks/topology_check.h"

// Too long for every test run.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;

namespace {

constexpr int kRuns = 20;
constexpr std::array<const char*, 3> kKernels = {"6.16", "6.19", "7.3"};

// "0 1 2 ..." of `count` lists with `width` CPUs each.
std::string cpu_lists(uint32_t count, uint32_t width) {
  std::string text;
  for (uint32_t i = 0; i < count; ++i) {
    if (i != 0) text += " ";
    text +=
        width == 1 ? fmt::format("{}", i) : fmt::format("{}-{}", i * width, (i + 1) * width - 1);
  }
  return text;
}

}  // namespace

TEST_CASE_METHOD(
    CaptureFixture,
    "20 runs of 50 freezes of 8 busy vCPUs lose no guest, stall nothing and give no wrong value") {
  for (int run = 0; run < kRuns; ++run) {
    const char* kernel = kKernels[static_cast<size_t>(run) % kKernels.size()];
    std::fprintf(stderr, "run %d of %d, on %s\n", run + 1, kRuns, kernel);
    INFO("run " << run + 1 << ", on " << kernel);
    check_freeze_run(capture_text(fmt::format("freezes-{}", run + 1), freeze_scenario(), kernel));
  }
}

TEST_CASE_METHOD(CaptureFixture,
                 "a task that is stopped during its wakeup fails only gates 9 and 11, and hot "
                 "reads see time advance") {
  // try_to_wake_up() asks the class for a CPU with the task WAKING and its pi_lock held
  // (kernel/sched/core.c).
  const std::string kernel = GENERATE(as<std::string>{}, "6.16", "7.3");
  CAPTURE(kernel);
  const Captured captured = capture_text(
      "woken", R"((
    name = "woken",
    durationMs = 1000,
    scheduler = (vtime = (switchMode = partial, timeoutMs = 30000)),
    workers = [(name = "waker", policy = ext,
     phases = [(spinMs = 5), (sleepMs = 20)], loop = true)],
    steps = [(name = "hot", actions = [
      (op = (mode = hot, entry = (tag = "before", target = (symbol = "jiffies_64"), read = u64))),
      (sleepMs = 500),
      (op = (mode = hot, entry = (tag = "after", target = (symbol = "jiffies_64"), read = u64))),
      (sleepMs = 2500),
    ])],
  ))",
      kernel, {"--freeze-on", "symbol:select_task_rq_scx*20", "--freeze-every", "700"});
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  const std::vector<std::string> failed =
      sql_rows(captured.tape,
               "SELECT group_concat(name, ' ') FROM (SELECT op, entry, gate.name FROM gate JOIN "
               "kernel_op USING (op, "
               "entry) "
               "WHERE tag LIKE 'waker.%' AND outcome = 'failed' ORDER BY op, entry, gate) GROUP BY "
               "op, entry");
  CHECK(std::ranges::count(failed, "settled unlocked") > 0);

  const auto& entries = captured.facts.entries;
  CHECK(entries.at("before").value > 0);
  CHECK(entries.at("after").value > entries.at("before").value);
  CHECK(entries.at("before").freeze == 0);
  CHECK(entries.at("after").freeze == 0);
  // A freeze that no request made keeps its pages like any other.
  CHECK(sql_rows(captured.tape, "SELECT count(*) FROM freeze_page GROUP BY freeze").size() ==
        captured.facts.freezes);
}

TEST_CASE_METHOD(CaptureFixture,
                 "a stall of a kernel thread freezes with the host's reads of that thread") {
  // qmap leaves every 20th runnable kernel thread undispatched, and is ejected after 5 s.
  const std::string scheduler = example_schedulers("6.16") + "/scx_qmap -T 20";
  const Captured captured = capture_text("kernel_thread", R"((
    name = "kernel_thread",
    scheduler = (external = (program = "scx_qmap")),
    workers = [(name = "sleeper", phases = [(sleepMs = 600000)])],
    steps = [(name = "wait", actions = [(sleepMs = 16000)])],
  ))",
                                         "6.16", {"--scheduler", scheduler});
  INFO(captured.program.output);
  CHECK(captured.facts.scheduler_exit_kinds ==
        std::vector<uint64_t>{1026});  // SCX_EXIT_ERROR_STALL
  std::string thread;                  // "kcompactd0[39]"
  for (const auto& [tag, entry] : captured.facts.entries) {
    if (tag.ends_with("].on_rq")) thread = tag.substr(0, tag.rfind('.'));
    CHECK(entry.status == schema::EntryStatus::DONE);
  }
  REQUIRE_FALSE(thread.empty());
  CHECK(captured.program.output.find("frozen   on scx-error: once\n") != std::string::npos);
  CHECK(sql_rows(captured.tape, "SELECT exit_message FROM scheduler")
            .at(0)
            .starts_with(thread + " failed to run"));
  CHECK(captured.facts.entries.at(thread + ".on_rq").value == 1);
  CHECK(captured.facts.entries.at(thread + ".scx.runnable_at").value <
        captured.facts.entries.at("jiffies_64").value);
}

TEST_CASE_METHOD(
    CaptureFixture,
    "a guest of 64 vCPUs boots in the time that it has by default, sees all of them, and its state "
    "can be written and read") {
  // Without hardware virtualisation 64 vCPUs share the host's few CPUs: the boot took 343 s on two
  // idle cores, and the limit is 864 s.
  Captured captured = capture_text("many", R"((
    name = "many", watchdogMs = 600000,
    machine = (sockets = 4, cores = 8, threads = 2, llcs = 8, numaNodes = 4, memoryMb = 4096),
    scheduler = (vtime = (switchMode = full)),
    workers = [(name = "sleeper", cpus = [63], phases = [(sleepMs = 600000)])],
    steps = [(name = "s", actions = [
      (wait = (worker = "sleeper", deadlineMs = 300000)),
      (sleepMs = 1000),
      (op = (entry = (tag = "write", target = (task = (worker = "sleeper"), path = "scx.dsq_vtime"),
                      write = (u64 = 2592000000000000)))),
      (op = (entry = (
        tag = "read", target = (task = (worker = "sleeper"), path = "scx.dsq_vtime"), read = u64))),
      (op = (entry = (tag = "cpu", target = (perCpu = (symbol = "runqueues", cpu = 63),
       path = "cpu"),
                      read = auto))),
    ])],
  ))",
                                   "7.3");
  INFO(captured.program.output);
  REQUIRE(captured.facts.outcome == Outcome::COMPLETED);
  check_topology(captured.facts,
                 {"0-63", cpu_lists(4, 16), cpu_lists(32, 2), cpu_lists(8, 8), cpu_lists(4, 16)},
                 4096);
  CHECK(captured.facts.entries.at("read").value == 2'592'000'000'000'000);
  CHECK(captured.facts.entries.at("cpu").value == 63);
}

// This was "inconclusive", and "was attached to the end", for a run whose tape has the ejection.
TEST_CASE_METHOD(CaptureFixture,
                 "a scheduler that real-time workers starve is judged, and reported, as ejected") {
  const Captured captured = capture_text("starved_scheduler", R"((
    name = "starved_scheduler",
    scheduler = (vtime = (switchMode = full, timeoutMs = 3000)),
    workers = [
      (name = "rthog0", policy = fifo, priority = 99, cpus = [0],
       phases = [(sleepMs = 1500), (spinMs = 9000)]),
      (name = "rthog1", policy = fifo, priority = 99, cpus = [1],
       phases = [(sleepMs = 1500), (spinMs = 9000)]),
      (name = "starved", policy = normal, phases = [(spinMs = 20), (sleepMs = 20)], loop = true),
    ],
    steps = [(name = "starve", actions = [(sleepMs = 10000)])],
  ))",
                                         "6.16");
  INFO(captured.program.output);
  CHECK_THAT(captured.program.output, ContainsSubstring("scheduler 'ktape_vtime' was ejected"));
  const ChildResult evaluated = run_built("ktape-assert-no-scheduler-error", {captured.tape});
  INFO(evaluated.output);
  CHECK(evaluated.exit_status == 1);
  CHECK_THAT(evaluated.output, ContainsSubstring("# violated, seq "));
  const ChildResult report = run_built("ktape-report", {"--text", captured.tape});
  INFO(report.output);
  CHECK_THAT(report.output, ContainsSubstring("by trigger 'scx-error' on CPU ") &&
                                ContainsSubstring("no-scheduler-error is violated"));
  CHECK_THAT(report.output, ContainsSubstring("ran rthog0[") && ContainsSubstring("(fifo 99)"));
  CHECK_THAT(report.output, !ContainsSubstring("was still attached at the end"));
}

}  // namespace ktape::test
