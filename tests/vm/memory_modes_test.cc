// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/vm/checks/capture_fixture.h"

// What can be read afterwards from a run that kept less than the scheduler's memory. `sched`, the
// default, is tested in capture_test.cc, `full` in core_test.cc.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr char kVtime[] = "task:sleeper.scx.dsq_vtime";
constexpr char kWritten[] = "2592000000000000";  // by the scenario, in its first freeze
constexpr char kTasks[] =
    "(struct task_struct)init_task.tasks{list struct task_struct tasks 1000}.comm";

ChildResult read_at(const Captured& captured, const std::string& freeze,
                    const std::string& target) {
  return run_built("ktape-read", {captured.tape, "--at", freeze, target});
}

void check_value(const Captured& captured, const std::string& target, const std::string& value) {
  const ChildResult read = read_at(captured, "freeze:last", target);
  INFO(read.output);
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, StartsWith(target + " = " + value + "\n"));
}

// Neither a zero nor half a list.
void check_not_captured(const Captured& captured, const std::string& target) {
  const ChildResult read = read_at(captured, "freeze:last", target);
  INFO(read.output);
  CHECK(read.exit_status == 77);
  CHECK_THAT(read.output, StartsWith(target + ": not captured\n"));
}

void check_replies(const Captured& captured) {
  REQUIRE(captured.program.exit_status == 0);
  const auto& entries = captured.facts.entries;
  CHECK(entries.at("verify_dsq_vtime").value == std::stoull(kWritten));
  CHECK(entries.at("verify_jiffies_64").value > 0);
}

}  // namespace

namespace {

// Page-table isolation, which Intel CPUs use, removes from the kernel's tables what the kernel has
// freed.
constexpr char kIsolated[] = R"((
  name = "groups", machine = (sockets = 1, cores = 2, llcs = 2),
  scheduler = (vtime = (switchMode = full)),
  workers = [(name = "sleeper", policy = normal, phases = [(sleepMs = 600000)])],
  steps = [(name = "look", actions = [
    (wait = (worker = "sleeper", state = sleeping)),
    (op = (entry = (tag = "jiffies", target = (symbol = "jiffies_64"), read = u64))),
  ])]))";

struct GroupPaths {
  std::string queue;   // of the group, on CPU 1: an array of pointers once, a per-CPU pointer since
  std::string weight;  // sched_ext's part of the group
};

GroupPaths group_paths(const std::string& series) {
  if (!is_cached(series)) SKIP(not_cached(series));
  const auto kernel = must(learn_kernel(must(load_kernel_image(cached_kernel(series))).vmlinux));
  const Btf& btf = *kernel->btf;
  const TypeInfo queues = must(btf.field("struct task_group", "cfs_rq")).type;
  const bool array = must(btf.type(queues.target_id)).kind == TypeKind::kPointer;
  return {array ? "cfs_rq[1]->nr_queued" : "cfs_rq{cpu 1}.nr_queued",
          btf.has_field("struct task_group", "scx_weight") ? "scx_weight" : "scx.weight"};
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "the scheduler's memory is whole under page-table isolation, and leads from a "
                 "task to its group") {
  const std::string series = GENERATE("6.16", "7.3");
  const GroupPaths expected = group_paths(series);
  const Captured captured = capture_text("groups", kIsolated, series);
  INFO(captured.program.output);
  REQUIRE(captured.program.exit_status == 0);
  CHECK(sql_rows(captured.tape, "SELECT name FROM loss WHERE name LIKE 'pages_%'").empty());
  const std::string group = "task:sleeper.sched_task_group->";
  check_value(captured, group + "shares", "1048576");
  check_value(captured, group + expected.weight, "100");
  for (const std::string& path : {std::string(expected.queue), std::string("css.cgroup->kn->id")}) {
    const ChildResult read = read_at(captured, "freeze:1", group + path);
    INFO(read.output);
    CHECK(read.exit_status == 0);
  }
  // Every existing group, by the kernel's own list.
  const ChildResult groups =
      read_at(captured, "freeze:1",
              "(struct list_head)task_groups{list struct task_group list 100}.shares");
  INFO(groups.output);
  CHECK(groups.exit_status == 0);
}

TEST_CASE_METHOD(CaptureFixture,
                 "with --memory touched what ops read is kept and replayed, and nothing else") {
  const Captured captured = capture("cold_path_roundtrip", "6.16", {"--memory", "touched"});
  INFO(captured.program.output);
  check_replies(captured);
  check_value(captured, kVtime, kWritten);
  check_value(captured, "jiffies_64:u64",
              std::to_string(captured.facts.entries.at("verify_jiffies_64").value));
  // As it was before the write, which was served in the first.
  const ChildResult before = read_at(captured, "freeze:1", kVtime);
  CHECK(before.exit_status == 0);
  CHECK_THAT(before.output, !ContainsSubstring(kWritten));

  check_not_captured(captured, "task:sleeper.mm->mmap_base");
  check_not_captured(captured, kTasks);

  const ChildResult replay = run_built("ktape-replay", {captured.tape});
  INFO(replay.output);
  CHECK(replay.exit_status == 0);
  CHECK_THAT(replay.output, StartsWith("2 of 2 cold requests replayed: no differences\n"));
}

TEST_CASE_METHOD(CaptureFixture, "with --memory none the replies are on the tape, but no memory") {
  const Captured captured = capture("cold_path_roundtrip", "6.16", {"--memory", "none"});
  INFO(captured.program.output);
  check_replies(captured);
  for (const char* freeze : {"freeze:1", "freeze:last"}) {
    for (const char* target : {kVtime, "jiffies_64:u64", "cpu0:runqueues.nr_running", kTasks}) {
      const ChildResult read = read_at(captured, freeze, target);
      INFO(read.output);
      CHECK(read.exit_status == 77);
      CHECK_THAT(read.output, !ContainsSubstring(" = "));
    }
  }
  const ChildResult replay = run_built("ktape-replay", {captured.tape});
  CHECK(replay.exit_status == 77);
  CHECK_THAT(replay.output,
             ContainsSubstring("2 requests: not replayed: no memory of the freeze was kept\n"));
}

}  // namespace ktape::test
