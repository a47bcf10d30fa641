// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/replay/read/read_fixture.h"
#include "tests/support/tape/sql.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

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
  CHECK_THAT(text.output, ContainsSubstring("task:sleeper.comm,done,,,sleeper,\n"));
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

TEST_CASE_METHOD(ReadFixture, "CSV has the number in an atomic_t, and a struct on one line") {
  tape.kernel().set_task(tape.task(), "scx.ops_state", 2);
  const ChildResult child = read({path(), "--at", "1", "--csv", "task:sleeper.scx.ops_state",
                                  "task:sleeper.scx.dsq_list", "task:sleeper.cpus"});
  CHECK(child.exit_status == 2);
  const ChildResult good = read(
      {path(), "--at", "1", "--csv", "task:sleeper.scx.ops_state", "task:sleeper.thread_info"});
  CHECK(good.exit_status == 0);
  CHECK_THAT(good.output, ContainsSubstring("task:sleeper.scx.ops_state,done,,2,2,\n"));
  CHECK_THAT(good.output,
             ContainsSubstring("task:sleeper.thread_info,done,,,{ flags = 0; cpu = 0 },\n"));
}

TEST_CASE_METHOD(ReadFixture, "a walk in each entry of another shows the place of each value") {
  FakeKernel& kernel = tape.kernel();
  const GuestVirtual queue = kernel.allocate(48);
  const GuestVirtual head = kernel.field(queue, "struct scx_dispatch_q", "list");
  kernel.put(head, head.value, 8);
  kernel.put(head + 8, head.value, 8);
  for (const int32_t pid : {90, 91}) {
    const GuestVirtual task = kernel.add_task(pid, "queued", FakeTape::kStartNs);
    kernel.link(head, kernel.field(task, "struct task_struct", "scx.dsq_list.node"));
  }
  // The second task of the list has no DSQ.
  kernel.set_task(tape.task(), "scx.dsq", queue.value);
  const std::string walk =
      "cpu0:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 9}"
      ".scx.dsq->list{list struct task_struct scx.dsq_list.node 9}.pid";
  const ChildResult text = at_last(walk);
  CHECK(text.exit_status == 77);
  CHECK_THAT(text.output,
             StartsWith(walk + " = 2 entries and more:\n[0][0] 90\n[0][1] 91\n  incomplete: '"));
  CHECK_THAT(text.output, ContainsSubstring("scx.dsq->': the pointer is NULL\n"));
  const ChildResult json = read({path(), "--at", "1", "--json", walk});
  CHECK_THAT(json.output, ContainsSubstring("\"entries\":[[0,0],[0,1]],"));
  const ChildResult csv = read({path(), "--at", "1", "--csv", walk});
  CHECK_THAT(csv.output, ContainsSubstring(".pid,incomplete,0/0,90,90,"));
  CHECK_THAT(csv.output, ContainsSubstring(".pid,incomplete,0/1,91,91,"));
}

}  // namespace ktape::test
