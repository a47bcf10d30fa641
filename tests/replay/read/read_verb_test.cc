// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "schema/base/child.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

ChildResult read(const std::vector<std::string>& arguments) {
  return must(run_child(KTAPE_BIN "/ktape-read", arguments, 1 << 24));
}

// Standard output and error of a command that fails.
ChildResult all_of(const std::string& arguments) {
  return must(run_child(
      "/bin/sh", {"-c", std::string(KTAPE_BIN "/ktape-read ") + arguments + " 2>&1"}, 1 << 20));
}

// A run in which only a jiffies value was read; everything else has to be read from its memory.
struct ReadFixture {
  ReadFixture() : tape(folder.file("run.ktape")) {
    FakeKernel& kernel = tape.kernel();
    kernel.set_task(tape.task(), "scx.dsq_vtime", 4711);
    kernel.set_rq(1, "nr_running", 3);
    const GuestVirtual second = kernel.add_task(78, "other", FakeTape::kStartNs);
    const GuestVirtual list =
        kernel.field(kernel.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
    for (const GuestVirtual task : {tape.task(), second}) {
      kernel.link(list, kernel.field(task, "struct task_struct", "scx.runnable_node"));
    }
    kernel.set_task(tape.task(), "parent", second.value);
  }

  std::string path() {
    if (path_.empty()) {
      tape.serve({read_line("jiffies_64:u64")});
      path_ = tape.seal().path;
    }
    return path_;
  }
  ChildResult at_last(const std::string& target) {
    return read({path(), "--at", "freeze:last", target});
  }

  std::string file_of(const std::string& text) {
    std::ofstream(folder.file("targets")) << text;
    return folder.file("targets");
  }

  TempDir folder;
  FakeTape tape;
  std::string path_;
};

}  // namespace

TEST_CASE_METHOD(ReadFixture, "a value that nobody read at capture is read from the tape") {
  const ChildResult child = at_last("cpu1:runqueues.nr_running");
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("cpu1:runqueues.nr_running = 3\n  u32, at 0x"));
  CHECK(at_last("jiffies_64:u64").output.starts_with("jiffies_64:u64 = 4294892296"));
}

TEST_CASE_METHOD(
    ReadFixture,
    "a worker's task is found by name, by pid, and by pid and start time, and shows its gates") {
  for (const char* target : {"task:sleeper.scx.dsq_vtime", "task:77.scx.dsq_vtime",
                             "task:77@5230000000.scx.dsq_vtime", "task 'sleeper' scx.dsq_vtime"}) {
    const ChildResult child = at_last(target);
    INFO(child.output);
    CHECK(child.exit_status == 0);
    CHECK_THAT(child.output, StartsWith(std::string(target) + " = 4711\n"));
    CHECK_THAT(child.output,
               ContainsSubstring("11 of 12 gates passed; the others apply to writes only\n"
                                 "  gate 5, not queued: would refuse a write: observed "));
  }
}

TEST_CASE_METHOD(ReadFixture,
                 "a task that has another start time, or does not exist, is not read") {
  const ChildResult other = at_last("task:77@5240000000.scx.dsq_vtime");
  CHECK(other.exit_status == 77);
  CHECK_THAT(other.output, ContainsSubstring(": refused: gate 2 (identity) refuses"));
  const ChildResult none = at_last("task:99.scx.dsq_vtime");
  CHECK(none.exit_status == 77);
  CHECK_THAT(none.output, ContainsSubstring("no task has pid 99"));
}

// Older recorders accepted such names. A pid that was read instead of the worker would be another
// task's value.
TEST_CASE_METHOD(ReadFixture,
                 "a number that is a worker's name as well as a pid is not read as either") {
  tape.builder().worker_started("78", FakeTape::kPid, FakeTape::kStartNs);
  tape.builder().worker_started("0x4e", FakeTape::kPid, FakeTape::kStartNs);
  const std::string at = path() + " --at freeze:last ";
  const ChildResult either = all_of(at + "task:78.comm");
  CHECK(either.exit_status == 2);
  CHECK(either.output ==
        "ktape read: target 'task:78.comm': '78' is a worker's name, and could also be a pid\n"
        "hint: \"task:'78'\" is the worker, task:pid=78 the pid\n");
  for (const char* target : {"task:78", "'task:78->parent'", "task:0x4e.comm"})
    CHECK(all_of(at + target).exit_status == 2);
  for (const char* target : {"task:'78'.comm", "task:'0x4e'.comm", "task:77.comm"})
    CHECK_THAT(at_last(target).output, StartsWith(std::string(target) + " = \"sleeper\"\n"));
  for (const char* target : {"task:pid=78.comm", "task:78@5230000000.comm", "task 78 comm"})
    CHECK_THAT(at_last(target).output, StartsWith(std::string(target) + " = \"other\"\n"));
}

TEST_CASE_METHOD(ReadFixture, "a number that is only a later worker's name is a pid") {
  tape.serve({read_line("jiffies_64:u64")});
  tape.builder().worker_started("78", FakeTape::kPid, FakeTape::kStartNs);
  const ChildResult child = read({tape.seal().path, "--at", "freeze:1", "task:78.comm"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("task:78.comm = \"other\"\n"));
}

TEST_CASE_METHOD(ReadFixture, "pointers are followed and lists are walked") {
  const ChildResult parent = at_last("task:sleeper.parent->pid");
  CHECK(parent.exit_status == 0);
  CHECK_THAT(parent.output, StartsWith("task:sleeper.parent->pid = 78\n"));
  const std::string walk =
      "cpu0:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 100}.pid";
  const ChildResult list = at_last(walk);
  CHECK(list.exit_status == 0);
  CHECK_THAT(list.output, StartsWith(walk + " = 2 entries: 77, 78\n"));
  const ChildResult symbol = at_last("(struct pid_namespace)init_pid_ns.idr.idr_base");
  CHECK(symbol.exit_status == 0);
  CHECK_THAT(symbol.output, StartsWith("(struct pid_namespace)init_pid_ns.idr.idr_base = 0\n"));
  const ChildResult null = at_last("task:77.scx.dsq->id");
  CHECK(null.exit_status == 77);
  CHECK_THAT(null.output, ContainsSubstring("failed: 'scx.dsq->': the pointer is NULL"));
}

TEST_CASE_METHOD(ReadFixture, "the pointer at a symbol is cast and followed in one step") {
  FakeKernel& kernel = tape.kernel();
  const GuestVirtual root = kernel.allocate(224);
  kernel.set(root, "struct scx_sched", "exit_kind", 1024);
  kernel.put(kernel.symbol("scx_root"), root.value, 8);
  const std::string cast = "((struct scx_sched *)scx_root)->exit_kind";
  const ChildResult child = at_last(cast);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith(cast + " = 1024\n  u32, at 0x"));
  CHECK_THAT(at_last("(struct scx_sched *)scx_root").output,
             StartsWith("(struct scx_sched *)scx_root = 0xffff8880"));
  const ChildResult null = at_last("((struct scx_sched *)scx_enable_seq)->exit_kind");
  CHECK(null.exit_status == 77);
  CHECK_THAT(null.output, ContainsSubstring("failed: '->': the pointer is NULL"));
  CHECK(at_last("((struct scx_sched *)jiffies_64)->exit_kind").exit_status == 77);
  const ChildResult dot = all_of(path() + " --at freeze:1 '((struct scx_sched *)scx_root).level'");
  CHECK(dot.exit_status == 2);
  CHECK_THAT(dot.output, ContainsSubstring("hint: follow the pointer with '->'\n"));
}

TEST_CASE_METHOD(
    ReadFixture,
    "the entries of a list up to its limit are shown, with a note that there are more") {
  const std::string walk =
      "cpu0:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 1}";
  const ChildResult cut = at_last(walk + ".pid");
  CHECK(cut.exit_status == 77);
  CHECK_THAT(
      cut.output,
      StartsWith(walk +
                 ".pid = 1 entry and more: 77\n  incomplete: 'scx.runnable_list{list struct "
                 "task_struct scx.runnable_node 1}': the list does not end within 1 entries\n"));
  const ChildResult json = read({path(), "--at", "freeze:last", "--json", walk + ".pid"});
  CHECK(json.exit_status == 77);
  CHECK_THAT(json.output, ContainsSubstring("\"notAll\":\"'scx.runnable_list{list "));
  CHECK_THAT(json.output, ContainsSubstring("\"decoded\":[\"77\"]"));
}

TEST_CASE_METHOD(ReadFixture,
                 "whole objects are shown member by member, including those of a list") {
  const ChildResult whole = at_last("cpu1:runqueues:whole");
  CHECK(whole.exit_status == 0);
  CHECK_THAT(whole.output, StartsWith("cpu1:runqueues:whole = {\n"));
  CHECK_THAT(whole.output, ContainsSubstring("\n  nr_running = 3\n"));
  const ChildResult list =
      at_last("cpu0:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 9}");
  CHECK(list.exit_status == 0);
  CHECK_THAT(list.output, ContainsSubstring(" = 2 entries:\n[0] {\n"));
  CHECK_THAT(list.output, ContainsSubstring("\n  comm = \"sleeper\"\n"));
  CHECK_THAT(list.output, ContainsSubstring("\n[1] {\n"));
  CHECK_THAT(list.output, ContainsSubstring("\n  comm = \"other\"\n"));
  const ChildResult address = at_last("task:sleeper.sched_class");
  CHECK_THAT(address.output, ContainsSubstring("ext_sched_class"));
}

TEST_CASE_METHOD(ReadFixture,
                 "what was not captured is reported with its address, never as a zero") {
  const uint64_t frame =
      must(tape.kernel().kernel().translate(tape.kernel().memory(), tape.task())).value / 4096;
  tape.keep_frames([=](uint64_t kept) { return kept != frame; });
  const ChildResult child = at_last("task:sleeper.scx.dsq_vtime");
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output, StartsWith("task:sleeper.scx.dsq_vtime: not captured\n"));
  CHECK_THAT(child.output, ContainsSubstring(": not captured\n"));
  CHECK(at_last("cpu1:runqueues.nr_running").exit_status == 0);
}

TEST_CASE_METHOD(
    ReadFixture,
    "all of several targets are read, and one that was not captured shows in the status") {
  tape.keep_frames(
      [](uint64_t frame) { return frame < 1280; });  // below the heap, in which tasks are
  const ChildResult child =
      read({path(), "--at", "freeze:1", "jiffies_64:u64", "task:77.pid", "cpu0:runqueues.cpu"});
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output, ContainsSubstring("jiffies_64:u64 = 4294892296\n"));
  CHECK_THAT(child.output, ContainsSubstring("\ntask:77.pid: not captured\n"));
  CHECK_THAT(child.output, ContainsSubstring("\ncpu0:runqueues.cpu = 0\n"));
}

TEST_CASE_METHOD(ReadFixture,
                 "a tape without memory, or without that freeze, has nothing to read") {
  tape.keep_no_memory();
  const std::string at = path() + " --at ";
  const ChildResult none = all_of(at + "freeze:1 jiffies_64:u64");
  CHECK(none.exit_status == 77);
  CHECK(none.output ==
        "ktape read: no memory of freeze 1 was kept\nhint: capture the run with "
        "'ktape capture --memory sched'\n");
  const ChildResult missing = all_of(at + "freeze:7 jiffies_64:u64");
  CHECK(missing.exit_status == 77);
  CHECK(missing.output == "ktape read: freeze 7 is not on the tape: it has freezes 1 to 1\n");
}

TEST_CASE_METHOD(ReadFixture, "without --at the freezes are listed") {
  const ChildResult child = read({path()});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring("freeze:1  for request 1 in step 'look', "));
  CHECK_THAT(child.output, ContainsSubstring(" pages kept\n"));
  CHECK_THAT(read({path(), "--json"}).output,
             StartsWith("{\"format\":1,\"freeze\":\"1\",\"seq\":"));
}

namespace {

// Freezes 1 to 3, the second by a trigger, each with one more task on CPU 1; then one without
// memory.
struct SeriesFixture : ReadFixture {
  SeriesFixture() {
    for (uint64_t freeze = 1; freeze <= 3; ++freeze) {
      tape.set_edit([freeze](schema::Record::Builder record) {
        if (!record.isFreezeBegan() || freeze != 2) return;
        record.getFreezeBegan().setCause(schema::FreezeCause::TRIGGER);
        record.getFreezeBegan().setTrigger("scx-error");
        record.getFreezeBegan().setVcpu(1);
      });
      tape.kernel().set_rq(1, "nr_running", freeze);
      tape.serve({read_line("jiffies_64:u64")});
    }
    tape.keep_no_memory();
    tape.serve({read_line("jiffies_64:u64")});
    path_ = tape.seal().path;
  }
  ChildResult at(const std::string& freezes, std::vector<std::string> more) {
    more.insert(more.begin(), {path_, "--at", freezes});
    return read(more);
  }
};

}  // namespace

TEST_CASE_METHOD(SeriesFixture, "a target is read at a range of freezes, under a line for each") {
  const ChildResult child = at("1-2", {"cpu1:runqueues.nr_running", "cpu1:runqueues.cpu"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring("freeze:1  for request 1 in step 'look', "));
  const std::string indent(24, ' ');
  CHECK_THAT(child.output,
             ContainsSubstring(" pages kept\n" + indent + "cpu1:runqueues.nr_running = 1\n" +
                               indent + "cpu1:runqueues.cpu = 1\n"));
  CHECK_THAT(child.output, ContainsSubstring("freeze:2  by trigger 'scx-error' on CPU 1 in "));
  CHECK_THAT(child.output, ContainsSubstring(indent + "cpu1:runqueues.nr_running = 2\n"));
  CHECK_THAT(child.output, !ContainsSubstring("freeze:3"));
  CHECK_THAT(child.output, !ContainsSubstring("physical 0x"));
  CHECK(at("freeze:1-2", {"cpu1:runqueues.nr_running", "cpu1:runqueues.cpu"}).output ==
        child.output);
}

TEST_CASE_METHOD(SeriesFixture, "a series has all freezes, or those by a trigger") {
  const ChildResult all = at("all", {"--json", "cpu1:runqueues.nr_running"});
  CHECK(all.exit_status == 77);
  CHECK(std::count(all.output.begin(), all.output.end(), '\n') == 4);
  for (const char* freeze : {"1", "2", "3"}) {
    CHECK_THAT(all.output, ContainsSubstring("\"freeze\":\"" + std::string(freeze) + "\","));
    CHECK_THAT(all.output, ContainsSubstring("\"value\":{\"u32\":" + std::string(freeze) + "}"));
  }
  CHECK_THAT(all.output, ContainsSubstring("\"status\":\"failed\",\"reason\":\"no memory of "
                                           "freeze 4 was kept: capture the run with"));
  const ChildResult triggers = at("trigger", {"--json", "cpu1:runqueues.nr_running"});
  CHECK(triggers.exit_status == 0);
  CHECK(std::count(triggers.output.begin(), triggers.output.end(), '\n') == 1);
  CHECK_THAT(triggers.output, StartsWith("{\"format\":1,\"freeze\":\"2\","));
}

TEST_CASE_METHOD(SeriesFixture, "one freeze may be named without 'freeze:'") {
  CHECK(at("3", {"cpu1:runqueues.nr_running"}).output ==
        at("freeze:3", {"cpu1:runqueues.nr_running"}).output);
  CHECK_THAT(at("2", {"cpu1:runqueues.nr_running"}).output,
             StartsWith("cpu1:runqueues.nr_running = 2\n"));
  CHECK(at("last", {"cpu1:runqueues.nr_running"}).exit_status == 77);  // has no memory
  CHECK_THAT(at("error", {"cpu1:runqueues.nr_running"}).output,
             StartsWith("cpu1:runqueues.nr_running = 2\n"));
}

TEST_CASE_METHOD(SeriesFixture, "a series as CSV has a row for each value") {
  const ChildResult child = at("all", {"--csv", "cpu1:runqueues.nr_running"});
  CHECK(child.exit_status == 77);
  const std::string output = child.output;
  CHECK_THAT(output,
             StartsWith("freeze,seq,host_ns,cause,step,target,status,entry,value,text,reason\n"
                        "1,"));
  for (const char* row : {"request,look,cpu1:runqueues.nr_running,done,,1,1,\n2,",
                          "trigger,look,cpu1:runqueues.nr_running,done,,2,2,\n3,",
                          "request,look,cpu1:runqueues.nr_running,done,,3,3,\n4,",
                          "request,look,cpu1:runqueues.nr_running,failed,,,,no memory of freeze 4 "
                          "was kept: capture the run with 'ktape capture --memory sched'\n"}) {
    CHECK_THAT(output, ContainsSubstring(row));
  }
  CHECK_THAT(output, !ContainsSubstring("tape: intact"));
}

TEST_CASE_METHOD(SeriesFixture, "CSV has the entries of a list, the sign of numbers, and texts") {
  const std::string list = "{list struct task_struct scx.runnable_node ";
  const ChildResult pids = at("1", {"--csv", "cpu0:runqueues.scx.runnable_list" + list + "9}.pid"});
  CHECK(pids.exit_status == 0);
  CHECK_THAT(pids.output, ContainsSubstring(".pid,done,0,77,77,\n"));
  CHECK_THAT(pids.output, ContainsSubstring(".pid,done,1,78,78,\n"));
  const ChildResult cut = at("1", {"--csv", "cpu0:runqueues.scx.runnable_list" + list + "1}.pid"});
  CHECK(cut.exit_status == 77);
  CHECK_THAT(cut.output, ContainsSubstring(".pid,incomplete,0,77,77,'scx.runnable_list{list "));
  const ChildResult text = at("1", {"--csv", "task:sleeper.comm", "jiffies_64:u64"});
  CHECK_THAT(text.output, ContainsSubstring("task:sleeper.comm,done,,,\"\"\"sleeper\"\"\",\n"));
  CHECK_THAT(text.output, ContainsSubstring("jiffies_64:u64,done,,4294892296,4294892296,\n"));
  const ChildResult none = at("1", {"--csv", "cpu1:runqueues.scx.runnable_list" + list + "9}.pid"});
  CHECK(none.exit_status == 0);
  CHECK(std::count(none.output.begin(), none.output.end(), '\n') == 1);
}

TEST_CASE_METHOD(ReadFixture, "a number of a signed type has its sign in CSV") {
  tape.kernel().set_task(tape.task(), "prio", static_cast<uint32_t>(-53));
  const ChildResult child = read({path(), "--at", "1", "--csv", "task:sleeper.prio"});
  CHECK_THAT(child.output, ContainsSubstring("task:sleeper.prio,done,,-53,-53,\n"));
}

TEST_CASE_METHOD(ReadFixture, "a worker that had not started does not end a series") {
  tape.serve({read_line("jiffies_64:u64")});
  tape.builder().worker_started("late", 78, FakeTape::kStartNs);
  tape.serve({read_line("jiffies_64:u64")});
  path_ = tape.seal().path;
  const ChildResult child = read({path_, "--at", "all", "task:late.pid"});
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output,
             ContainsSubstring("task:late.pid: failed: worker 'late' had not started by then\n"));
  CHECK_THAT(child.output, ContainsSubstring("task:late.pid = 78\n"));
  CHECK(all_of(path_ + " --at all task:later.pid").exit_status == 2);
}

TEST_CASE_METHOD(ReadFixture,
                 "a batch reads targets from standard input, and a mistake ends nothing") {
  const std::string targets = file_of(
      "  # the runqueues\n"
      " cpu1:runqueues.nr_running \r\n"
      "  \n"
      "cpu0:runqueues.nr_runing\n"
      "cpu0 runqueues\n"
      "task:sleeper.scx.dsq->id\n"
      "(struct task_struct)jiffies_64.comm:u64\n"
      "task:sleeper.scx.dsq_vtime");
  const std::string batch = path() + " --at freeze:last --batch ";
  const ChildResult child = all_of(batch + "<" + targets);
  CHECK(child.exit_status == 2);
  CHECK_THAT(child.output, StartsWith("cpu1:runqueues.nr_running = 3\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("\ncpu0:runqueues.nr_runing: refused: 'struct rq' has no member "
                               "'nr_runing': did you mean 'nr_running'?\n"));
  CHECK_THAT(child.output, ContainsSubstring("\ncpu0 runqueues: refused: column 5: got ' ', "));
  CHECK_THAT(child.output, ContainsSubstring("\ntask:sleeper.scx.dsq->id: failed: "));
  CHECK_THAT(child.output, ContainsSubstring("\ntask:sleeper.scx.dsq_vtime = 4711\n"));
  CHECK_THAT(child.output, ContainsSubstring("\ntape: intact, "));

  const ChildResult json = all_of(batch + "--json <" + targets);
  CHECK(json.exit_status == 2);
  CHECK(std::count(json.output.begin(), json.output.end(), '\n') == 6);
  CHECK_THAT(json.output,
             ContainsSubstring("\"target\":\"cpu0:runqueues.nr_runing\",\"notCaptured\":null,"
                               "\"notAll\":null,\"reply\":{\"status\":\"refused\",\"reason\":"));

  const ChildResult csv = all_of(batch + "--csv <" + targets);
  CHECK(csv.exit_status == 2);
  CHECK(std::count(csv.output.begin(), csv.output.end(), '\n') == 7);
  CHECK_THAT(csv.output, ContainsSubstring(",cpu0 runqueues,refused,,,,\"target 'cpu0 "));
}

TEST_CASE_METHOD(ReadFixture, "the status of a batch says that something was not read") {
  const std::string batch = path() + " --at freeze:last --batch ";
  CHECK(all_of(batch + "</dev/null").exit_status == 0);
  const auto status = [&](const std::string& lines) {
    return all_of(batch + "<" + file_of(lines)).exit_status;
  };
  CHECK(status("jiffies_64:u64\ncpu0:runqueues.cpu\n") == 0);
  CHECK(status("task:sleeper.scx.dsq->id\njiffies_64:u64\n") == 77);
  CHECK(status("task:sleeper.scx.dsq->id\nnothing\njiffies_64:u64\n") == 2);
}

TEST_CASE_METHOD(SeriesFixture, "a batch reads a series too") {
  const ChildResult child =
      all_of(path_ + " --at all --batch --csv <<X\ncpu1:runqueues.nr_running\nnothing:u64\nX\n:");
  CHECK_THAT(child.output, ContainsSubstring("nr_running,done,,3,3,\n"));
  CHECK(std::count(child.output.begin(), child.output.end(), '\n') == 9);
}

TEST_CASE_METHOD(ReadFixture, "a batch answers each target before it reads the next") {
  const std::string script =
      "import subprocess, sys\n"
      "of = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, "
      "text=True)\n"
      "for target in ('cpu1:runqueues.nr_running', 'nothing:u64', 'jiffies_64:u64'):\n"
      "    print(target, file=of.stdin, flush=True)\n"
      "    print(of.stdout.readline()[:40])\n"
      "of.stdin.close()\n"
      "sys.exit(of.wait())\n";
  const ChildResult child =
      must(run_child("/usr/bin/env",
                     {"timeout", "60", "python3", "-c", script, KTAPE_BIN "/ktape-read", path(),
                      "--at", "1", "--batch", "--json"},
                     1 << 20));
  CHECK(child.exit_status == 2);
  CHECK(std::count(child.output.begin(), child.output.end(), '\n') == 3);
}

TEST_CASE_METHOD(ReadFixture, "a batch needs a freeze, and takes no targets besides") {
  CHECK_THAT(all_of(path() + " --batch </dev/null").output, ContainsSubstring("targets need --at"));
  const ChildResult both = all_of(path() + " --at 1 --batch jiffies_64:u64 </dev/null");
  CHECK(both.exit_status == 2);
  CHECK_THAT(both.output, ContainsSubstring("--batch reads the targets from standard input"));
}

TEST_CASE_METHOD(SeriesFixture, "a series that the tape does not have, and CSV of nothing") {
  const ChildResult none = all_of(path_ + " --at 7-9 jiffies_64:u64");
  CHECK(none.exit_status == 77);
  CHECK(none.output ==
        "ktape read: --at '7-9': the tape has no such freeze\n"
        "hint: list the freezes with 'ktape read TAPE'\n");
  CHECK_THAT(all_of(path_ + " --csv").output, ContainsSubstring("--csv needs targets"));
  CHECK(all_of(path_ + " --csv --json --at 1 jiffies_64:u64").exit_status == 2);
}

TEST_CASE_METHOD(SeriesFixture, "CSV from an altered tape has exit status 3 and an error") {
  sql(path_, "UPDATE kernel_op SET value = '1'");
  const ChildResult child = all_of(path_ + " --at 1 --csv jiffies_64:u64");
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, ContainsSubstring(" is altered: "));
}

TEST_CASE_METHOD(ReadFixture, "a freeze of several hits is listed with each of its triggers") {
  tape.builder().add([](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(9);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setTrigger("symbol:schedule");
    began.setVcpu(0);
    auto hits = began.initHits(3);
    for (unsigned i = 0; i < hits.size(); ++i) {
      hits[i].setVcpu(i);
      hits[i].setTrigger(i == 1 ? "scx-error" : "symbol:schedule");
    }
  });
  const std::string sealed = tape.seal().path;
  CHECK_THAT(read({sealed}).output,
             ContainsSubstring(
                 "freeze:9  by triggers 'scx-error' on CPU 1 and 'symbol:schedule' on CPUs 0, 2"));
  CHECK_THAT(read({sealed, "--json"}).output,
             ContainsSubstring("\"trigger\":\"symbol:schedule\",\"hits\":[{\"vcpu\":0,\"trigger\":"
                               "\"symbol:schedule\"},{\"vcpu\":1,\"trigger\":\"scx-error\"},"));
}

TEST_CASE_METHOD(ReadFixture, "read as JSON has the reply and the gates as records have them") {
  const ChildResult child =
      read({path(), "--at", "freeze:last", "--json", "task:sleeper.scx.dsq_vtime"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(
      child.output,
      ContainsSubstring("\",\"target\":\"task:sleeper.scx.dsq_vtime\","
                        "\"notCaptured\":null,\"notAll\":null,\"reply\":{\"status\":\"done\","));
  CHECK_THAT(child.output, StartsWith("{\"format\":1,\"freeze\":\"1\",\"seq\":\""));
  CHECK_THAT(child.output, ContainsSubstring(",\"hostNs\":\""));
  CHECK_THAT(child.output, ContainsSubstring("\"value\":{\"u64\":\"4711\"}"));
  CHECK_THAT(child.output, ContainsSubstring("\"decoded\":[\"4711\"]"));
  CHECK_THAT(child.output, ContainsSubstring("\"gate\":\"enabled\",\"outcome\":\"passed\""));
}

TEST_CASE_METHOD(ReadFixture, "mistakes in a target are usage errors that say what is right") {
  const std::string at = path() + " --at freeze:last ";
  const auto mistake = [&](const std::string& arguments) {
    const ChildResult child = all_of(arguments);
    CHECK(child.exit_status == 2);
    return child.output;
  };
  CHECK(mistake(at + "cpu0:runqueues.nr_runing") ==
        "ktape read: target 'cpu0:runqueues.nr_runing': 'struct rq' has no member 'nr_runing'\n"
        "hint: did you mean 'nr_running'?\n");
  CHECK_THAT(mistake(at + "'(struct rq)runqueus'"),
             ContainsSubstring("no symbol 'runqueus' in this kernel"));
  CHECK(mistake(at + "0xffff888000000000.cpu") ==
        "ktape read: target '0xffff888000000000.cpu': a path needs the type of the object at the "
        "address\n"
        "hint: e.g. '(struct rq)0xffff888000000000.cpu'\n");
  CHECK_THAT(mistake(at + "jiffies_64"),
             ContainsSubstring("hint: ask for u8, u16, u32, u64 or bytes\n"));
  CHECK_THAT(mistake(at + "runqueues.cpu"),
             ContainsSubstring("'cpu0:runqueues' on a command line"));
  CHECK_THAT(mistake(at + "cpu0:runqueues.cpu:u64"),
             ContainsSubstring("u64 was asked, and 'int' has 4 bytes"));
  CHECK_THAT(mistake(at + "task:slepper.pid"),
             ContainsSubstring("hint: did you mean 'sleeper'?\n"));
  CHECK(mistake(at + "jiffies_64:'bytes(99999999999)'") ==
        "ktape read: target 'jiffies_64:bytes(99999999999)': got 99999999999 bytes, expected 1 to "
        "65536\n");
  CHECK_THAT(mistake(at + "jiffies_64:u46"), ContainsSubstring("column 12: got 'u', expected u8"));
  const std::string one = mistake(path() + " --at one jiffies_64:u64");
  CHECK_THAT(one,
             ContainsSubstring(
                 "'one' does not name a freeze: expected freeze:N, freeze:last or freeze:error"));
  CHECK_THAT(one,
             ContainsSubstring("hint: several freezes are 'all', 'trigger' or a range as 1-50\n"));
  for (const char* wrong : {"2-1", "1-", "-1", "1-2-3", "freeze:", "freeze:freeze:1", "''"})
    CHECK_THAT(mistake(path() + " --at=" + wrong + " jiffies_64:u64"), StartsWith("ktape read: "));
  CHECK_THAT(mistake(path() + " jiffies_64:u64"), ContainsSubstring("targets need --at"));
  CHECK_THAT(mistake(path() + " --at freeze:1"), ContainsSubstring("--at without a target"));
}

TEST_CASE_METHOD(ReadFixture, "read says whether the tape is unaltered, and what was lost") {
  const ChildResult child = at_last("jiffies_64:u64");
  CHECK_THAT(child.output,
             EndsWith("\ntape: intact, every record, blob, page and column is as it was recorded\n"
                      "losses: none\n"));
  CHECK_THAT(read({path()}).output, ContainsSubstring("\ntape: intact, "));
  CHECK_THAT(read({path(), "--at", "freeze:last", "--json", "jiffies_64:u64"}).output,
             ContainsSubstring(",\"integrity\":\"intact\",\"finding\":"));
}

TEST_CASE_METHOD(ReadFixture,
                 "a value from an altered tape is marked as such, and is exit status 3") {
  sql(path(), "UPDATE kernel_op SET value = '1'");
  const ChildResult child = at_last("jiffies_64:u64");
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, ContainsSubstring("\ntape: altered, "));
  CHECK_THAT(read({path(), "--at", "freeze:last", "--json", "jiffies_64:u64"}).output,
             ContainsSubstring(",\"integrity\":\"altered\","));
  CHECK(read({path()}).exit_status == 3);
}

TEST_CASE_METHOD(ReadFixture, "an assertion in Python reads the memory of a tape with ktape read") {
  const auto evaluate = [](const std::string& of) {
    return must(run_child(
        "/bin/sh",
        {"-c", "PATH=" KTAPE_BIN ":$PATH " KTAPE_EXAMPLES "/ktape-assert-runnable-counted " + of},
        1 << 20));
  };
  const ChildResult violated = evaluate(path());
  CHECK(violated.exit_status == 1);
  CHECK_THAT(violated.output,
             ContainsSubstring("# violated, seq 7: freeze 1, CPU 0: nr_running is 0, on the "
                               "list: \"sleeper\", \"other\"\n# 2 runqueues checked\n"
                               "# losses: none\nnot ok 1 runnable-counted\n"));
  for (const char* version : {"6.16.12", "6.19.14", "7.3.4"}) {
    const ChildResult good =
        evaluate(std::string(KTAPE_TAPES "/queued_spinners-") + version + ".ktape");
    CHECK(good.exit_status == 0);
    CHECK_THAT(good.output, ContainsSubstring("# 4 runqueues checked\n"));
  }
}

TEST_CASE("read has exit status 3 for a file that is not a tape, and its help has examples") {
  CHECK(read({"/nonexistent"}).exit_status == 3);
  const ChildResult help = read({"--help"});
  CHECK(help.exit_status == 0);
  CHECK_THAT(help.output, ContainsSubstring("Examples:"));
  CHECK_THAT(help.output, ContainsSubstring("Exit status: 0 read;"));
}

}  // namespace ktape::test
