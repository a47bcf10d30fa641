// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "schema/base/digest.h"
#include "schema/base/file.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using schema::EntryStatus;
using schema::Outcome;

namespace {

// The value of a query with one row and one column.
std::string first_value(const std::string& tape, const std::string& query) {
  const std::vector<std::string> rows = sql_rows(tape, query);
  REQUIRE(rows.size() == 1);
  return rows.front();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void check_simple(const Captured& captured, const std::string& program) {
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 0);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  CHECK(captured.facts.entries.at("weight").status == EntryStatus::DONE);
  CHECK(captured.facts.entries.at("weight").value == 100);

  const auto value = [&](const std::string& column) {
    return first_value(captured.tape, "SELECT " + column + " FROM scheduler");
  };
  CHECK(first_value(captured.tape, "SELECT count(*) FROM scheduler") == "1");
  CHECK(value("name") == "simple");
  CHECK(value("switch_mode") == "full");
  CHECK(value("vtime") == "notDeclared");
  CHECK(value("timeout_ms") == "30000");  // the kernel's default, which scx_simple leaves as it is
  CHECK(value("exit_kind") == "64");      // SCX_EXIT_UNREG: it detached when it was asked to
  CHECK(value("exit_reason") == "unregistered from user space");
  const std::string ops = " " + value("ops") + " ";
  for (const char* callback : {" select_cpu ", " enqueue ", " dispatch ", " running ", " stopping ",
                               " enable ", " init ", " exit "}) {
    CHECK(contains(ops, callback));
  }
  CHECK_FALSE(contains(ops, " tick "));
  CHECK(value("object_sha256") == to_hex(sha256(must(read_file(program, size_t{64} << 20)))));
  CHECK(contains(first_value(captured.tape, "SELECT group_concat(text, '') FROM scheduler_output"),
                 "local="));
}

// scx_qmap's own fault switch: what the tape has of the stall.
void check_stall(const Captured& captured) {
  INFO(captured.program.output);
  const TapeFacts& facts = captured.facts;
  CHECK(facts.outcome == Outcome::COMPLETED);  // the steps after the ejection went well
  CHECK(facts.entries.at("after").status == EntryStatus::DONE);
  const auto value = [&](const std::string& query) { return first_value(captured.tape, query); };
  CHECK(value("SELECT name FROM scheduler") == "qmap");
  CHECK(value("SELECT timeout_ms FROM scheduler") == "5000");  // qmap's own, not ktape's
  CHECK(value("SELECT exit_kind FROM scheduler") == "1026");   // SCX_EXIT_ERROR_STALL
  CHECK(value("SELECT exit_reason FROM scheduler") == "runnable task stall");
  // "busy2[151] failed to run for 6.656s"
  const std::string message = value("SELECT exit_message FROM scheduler");
  REQUIRE(message.starts_with("busy"));
  CHECK(contains(message, "failed to run for"));
  const std::string stalled = message.substr(0, message.find('['));
  CHECK(message.starts_with(stalled + "[" + std::to_string(facts.workers.at(stalled)) + "]"));
  CHECK(contains(value("SELECT exit_dump FROM scheduler"), stalled));

  // A freeze from before the ejection: the task is still runnable, and still sched_ext's.
  const std::string freeze = value("SELECT freeze FROM freeze WHERE cause = 'trigger'");
  CHECK(value("SELECT f.seq_began < s.seq_exited FROM freeze f, scheduler s WHERE f.freeze = " +
              freeze) == "1");
  const EntryFacts& on_rq = facts.entries.at(stalled + ".on_rq");
  CHECK(on_rq.status == EntryStatus::DONE);
  CHECK(on_rq.value == 1);
  const EntryFacts& since = facts.entries.at(stalled + ".scx.runnable_at");
  CHECK(since.status == EntryStatus::DONE);
  const uint64_t waited = facts.entries.at("jiffies_64").value - since.value;
  CHECK(waited > 5 * 250);  // longer than qmap's timeout, at 250 Hz
  // And values that were not read then, from the memory that the tape kept.
  const ChildResult read = run_built(
      "ktape-read", {captured.tape, "--at", "freeze:" + freeze, "task:" + stalled + ".scx.weight"});
  INFO(read.output);
  CHECK(read.exit_status == 0);
  CHECK(contains(read.output, stalled + ".scx.weight = 100"));
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture, "the kernel's own scx_simple runs unmodified on 6.16", "[kvm]") {
  const std::string folder = example_schedulers("6.16");
  check_simple(capture("foreign_scheduler", "6.16", {"--scheduler-dir", folder}),
               folder + "/scx_simple");
}

TEST_CASE_METHOD(CaptureFixture,
                 "the kernel's own scx_simple runs unmodified on 7.3, by --scheduler", "[kvm]") {
  const std::string program = example_schedulers("7.3") + "/scx_simple";
  const Captured captured = capture("foreign_scheduler", "7.3", {"--scheduler", program});
  check_simple(captured, program);
  // The tape says what was tested, and how to repeat the test.
  CHECK(first_value(captured.tape, "SELECT length(scheduler_build_id) FROM run") == "40");
  CHECK(first_value(captured.tape, "SELECT scheduler_checkout FROM run") == "none");
  const ChildResult again = run_built("ktape-info", {captured.tape, "--reproduce"});
  CHECK(again.exit_status == 0);
  CHECK(contains(again.output, " && ktape capture --kernel " + version_for("7.3") +
                                   " --scheduler " + program + " "));
  CHECK(contains(again.output, "# scheduler '" + program + "', SHA-256 "));
  CHECK(contains(run_built("ktape-info", {captured.tape, "--scenario-text"}).output,
                 "\"foreign_scheduler\""));
}

TEST_CASE_METHOD(CaptureFixture, "a program finds the kernel's options in the guest") {
  // scx_central of 7.3 has an extern __kconfig: libbpf reads /boot/config-RELEASE for it.
  const std::string program = example_schedulers("7.3") + "/scx_central";
  const Captured captured = capture("foreign_scheduler", "7.3", {"--scheduler", program});
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  CHECK(first_value(captured.tape, "SELECT name FROM scheduler") == "central");
}

TEST_CASE_METHOD(CaptureFixture,
                 "programs of an overlay run in the guest, and memory is whole with a cgroup and "
                 "thousands of maps") {
  // The loader is a script. It makes its own cgroup, with programs of this host, and runs the
  // scheduler's program there.
  TempDir folder;
  namespace fs = std::filesystem;
  fs::create_directories(folder.file("overlay/opt"));
  for (const char* tool : {"mkdir", "mount"}) {
    fs::copy_file(std::string("/bin/") + tool, folder.file(std::string("overlay/opt/") + tool));
  }
  fs::copy_file(KTAPE_VM_PROGRAMS "/many_maps", folder.file("overlay/opt/many_maps"));
  fs::copy_file(example_schedulers("7.3") + "/scx_simple", folder.file("overlay/opt/simple"));
  std::ofstream(folder.file("loader")) << "#!/usr/bin/env sh\n"
                                          "/opt/mkdir /cg && /opt/mount -t cgroup2 none /cg && "
                                          "echo +cpu > /cg/cgroup.subtree_control &&\n"
                                          "/opt/mkdir /cg/child && echo 500 > /cg/child/cpu.weight "
                                          "&& echo $$ > /cg/child/cgroup.procs || "
                                          "exit 1\n"
                                          "exec /opt/many_maps /opt/simple\n";
  fs::permissions(folder.file("loader"), fs::perms::owner_all);
  const Captured captured =
      capture("foreign_scheduler", "7.3",
              {"--scheduler", folder.file("loader"), "--overlay", folder.file("overlay")});
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  CHECK(first_value(captured.tape, "SELECT name FROM scheduler") == "simple");
  CHECK(sql_rows(captured.tape, "SELECT name FROM loss WHERE name LIKE 'pages_%'").empty());
  // The recorded memory leads to both groups, and to their queues on a CPU.
  const std::string groups = "(struct list_head)task_groups{list struct task_group list 100}.";
  const auto read = [&](const std::string& path) {
    return run_built("ktape-read", {captured.tape, "--at", "freeze:1", groups + path}).output;
  };
  CHECK(contains(read("shares"), " = 2 entries: 1048576, 5242880\n"));
  CHECK(contains(read("scx.weight"), " = 2 entries: 100, 500\n"));
  CHECK(contains(read("cfs_rq{cpu 1}.tg"), " = 2 entries: "));
  CHECK(contains(read("css.cgroup->kn->id"), " = 2 entries: "));
}

TEST_CASE_METHOD(CaptureFixture,
                 "a stall of the kernel's own scx_qmap is on the tape, with its task, on 6.16") {
  check_stall(capture("foreign_stall", "6.16", {"--scheduler-dir", example_schedulers("6.16")}));
}

TEST_CASE_METHOD(CaptureFixture,
                 "a stall of the kernel's own scx_qmap is on the tape, with its task, on 7.3") {
  check_stall(capture("foreign_stall", "7.3", {"--scheduler-dir", example_schedulers("7.3")}));
}

TEST_CASE_METHOD(CaptureFixture,
                 "a program that attaches no scheduler ends the run with its last words") {
  const std::string program = example_schedulers("6.16") + "/scx_simple";
  const Captured captured = capture("foreign_scheduler", "6.16", {"--scheduler", program + " -h"});
  INFO(captured.program.output);
  CHECK(captured.program.exit_status == 1);
  CHECK(captured.facts.outcome == Outcome::SCENARIO_FAILED);
  CHECK(contains(captured.facts.detail, "exited with status 0 and has not attached a scheduler"));
  CHECK(contains(first_value(captured.tape, "SELECT group_concat(text, '') FROM scheduler_output"),
                 "A simple sched_ext scheduler."));
}

}  // namespace ktape::test
