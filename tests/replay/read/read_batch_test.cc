// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/replay/read/read_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

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

TEST_CASE_METHOD(ReadFixture, "a batch ends at a line without an end") {
  const ChildResult child = all_of(path() + " --at 1 --batch </dev/zero");
  CHECK(child.exit_status == 2);
  CHECK(child.output ==
        "ktape read: line 1 of standard input is longer than 65536 bytes\n"
        "hint: --batch takes one target in each line\n");
}

}  // namespace ktape::test
