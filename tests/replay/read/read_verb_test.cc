// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/replay/read/read_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

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
  // Not the gates, of which none but the first was evaluated.
  CHECK_THAT(none.output, StartsWith("task:99.scx.dsq_vtime: refused: "));
  CHECK_THAT(none.output, ContainsSubstring("no task has pid 99, expected pid=99\ntape: intact"));
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
                 "a list of which nothing was reached is a row of CSV, with the reason") {
  tape.kernel().set_task(tape.task(), "parent", 0);
  const std::string walk =
      "cpu0:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 9}.parent->pid";
  const ChildResult csv = read({path(), "--at", "1", "--csv", walk});
  CHECK(csv.exit_status == 77);
  CHECK(std::count(csv.output.begin(), csv.output.end(), '\n') == 2);
  CHECK_THAT(csv.output, ContainsSubstring(walk + ",incomplete,,,,"));
  CHECK_THAT(csv.output, !ContainsSubstring(",,,,\n"));
}

TEST_CASE("the help says how lists in lists are walked") {
  CHECK_THAT(read({"--help"}).output, ContainsSubstring("A path\nmay walk several lists: the next "
                                                        "one in each entry of the one before."));
}

TEST_CASE_METHOD(ReadFixture, "without --at the freezes are listed") {
  const ChildResult child = read({path()});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring("freeze:1  for request 1 in step 'look', "));
  CHECK_THAT(child.output, ContainsSubstring(" pages kept\n"));
  CHECK_THAT(read({path(), "--json"}).output,
             StartsWith("{\"format\":1,\"freeze\":\"1\",\"seq\":"));
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
  CHECK_THAT(child.output, ContainsSubstring("\"freeze\":\"1\",\"try\":"));
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

TEST_CASE_METHOD(ReadFixture, "a cast names integers as C does") {
  for (const char* type : {"unsigned long", "long unsigned int", "unsigned long int"}) {
    const std::string target = "(" + std::string(type) + ")jiffies_64";
    const ChildResult child = at_last(target);
    INFO(child.output);
    CHECK(child.exit_status == 0);
    CHECK_THAT(child.output, StartsWith(target + " = 4294892296\n  long unsigned int, at 0x"));
  }
  CHECK_THAT(at_last("(unsigned int)jiffies_64").output,
             StartsWith("(unsigned int)jiffies_64 = 4294892296\n"));
  CHECK(at_last("(unsigned rq)jiffies_64").exit_status == 2);
}

}  // namespace ktape::test
