// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/replay/read/read_fixture.h"
#include "tests/support/tape/sql.h"

namespace ktape::test {

using namespace std::string_literals;

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

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
  // A cast does not make an object of the template.
  for (const char* cast : {"'(struct rq)runqueues.cpu'", "'((struct rq *)runqueues)->cpu'"})
    CHECK_THAT(mistake(at + cast), ContainsSubstring("'runqueues' is a per-CPU variable"));
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
  CHECK(mistake(path() + " --at 7-3 jiffies_64:u64") ==
        "ktape read: --at '7-3': the range ends before it begins\nhint: --at 3-7\n");
  CHECK_THAT(mistake(path() + " jiffies_64:u64"), ContainsSubstring("targets need --at"));
  CHECK_THAT(mistake(path() + " --at freeze:1"), ContainsSubstring("--at without a target"));
}

TEST_CASE("what a slim tape left out is not said to be missing in the kernel") {
  const std::string at = KTAPE_TAPES "/cold_path_roundtrip-6.16.12.ktape --at freeze:last ";
  for (const char* target : {"cgrp_dfl_root:u64", "'(struct bpf_prog)jiffies_64.len'"}) {
    const ChildResult child = all_of(at + target);
    CHECK(child.exit_status == 2);
    CHECK_THAT(child.output, ContainsSubstring("in this kernel"));
    CHECK_THAT(child.output,
               ContainsSubstring("; the tape is slim\nhint: it has only the symbols"));
  }
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

TEST_CASE("read has exit status 3 for a file that is not a tape, and its help has examples") {
  CHECK(read({"/nonexistent"}).exit_status == 3);
  const ChildResult help = read({"--help"});
  CHECK(help.exit_status == 0);
  CHECK_THAT(help.output, ContainsSubstring("Examples:"));
  CHECK_THAT(help.output, ContainsSubstring("Exit status: 0 read;"));
}

TEST_CASE_METHOD(ReadFixture, "a mistake in one of several targets is found before any is read") {
  for (const char* more : {"", "--csv ", "--json "}) {
    const ChildResult child = all_of(path() + " --at 1 " + more +
                                     "jiffies_64:u64 cpu0:runqueues.nr_runing task:sleeper.pid");
    CHECK(child.exit_status == 2);
    CHECK(child.output ==
          "ktape read: target 'cpu0:runqueues.nr_runing': 'struct rq' has no member 'nr_runing'\n"
          "hint: did you mean 'nr_running'?\n");
  }
  CHECK_THAT(all_of(path() + " --at 1 jiffies_64:u64 task:slepper.pid").output,
             StartsWith("ktape read: "));
}

TEST_CASE_METHOD(ReadFixture, "a NUL in a target is a mistake, not its end") {
  const ChildResult child =
      all_of(path() + " --at 1 --batch <" + file_of("task:sleeper\0x.comm\njiffies_64:u64"s));
  CHECK(child.exit_status == 2);
  CHECK_THAT(child.output, StartsWith("task:sleeper\\x00x.comm: refused: column 13: got a NUL, "));
  CHECK_THAT(child.output, ContainsSubstring("\njiffies_64:u64 = "));
}

TEST_CASE_METHOD(ReadFixture, "a list that is cut because of its size says so") {
  FakeKernel& kernel = tape.kernel();
  const GuestVirtual node = kernel.field(tape.task(), "struct task_struct", "scx.runnable_node");
  kernel.put(node, node.value, 8);  // a circle of one
  const ChildResult child = at_last(
      "cpu0:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 1000}:whole");
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output, ContainsSubstring(" = 512 entries and more:\n"));
  CHECK_THAT(child.output, ContainsSubstring("\n  incomplete: the list's 1000 values take 512000 "
                                             "bytes: only the first 512 are shown"));
}

}  // namespace ktape::test
