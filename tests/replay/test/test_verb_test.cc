// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "schema/base/child.h"
#include "schema/base/file.h"
#include "tests/replay/two_runs.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

// ktape-test with the test's own capture program, which returns a tape that was made before.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;

void make_program(const std::string& path, const std::string& script) {
  std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
  fs::permissions(path, fs::perms::owner_all);
}

// A folder with ktape-test, one assertion and a capture.
class Bench {
 public:
  Bench() {
    fs::copy_file(KTAPE_BIN "/ktape-test", file("ktape-test"));
    assertion("holds", 0);
  }

  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }

  // An assertion with this exit status, and KTAP that agrees.
  void assertion(const std::string& name, int status) {
    const char* line = status == 0   ? "ok 1"
                       : status == 1 ? "not ok 1"
                                     : "ok 1 # SKIP inconclusive: it cannot tell";
    make_program(file("ktape-assert-" + name),
                 std::string("echo KTAP version 1; echo 1..1; echo '") + line + "'; exit " +
                     std::to_string(status));
  }

  // A capture that leaves a tape of such a run, and ends with `status`. `$3` is the tape.
  void capture(const RunSpec& spec, int status = 0) {
    std::string made = file("made.ktape");
    fs::remove(made);
    (void)record_run(made, spec);
    make_program(file("ktape-capture"), "echo \"$@\" >>" + file("asked") + "\ncp " + made +
                                            " \"$3\"\nexit " + std::to_string(status));
  }

  // A capture that leaves no tape.
  void capture_fails(const std::string& how) { make_program(file("ktape-capture"), how); }

  ChildResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"my.scenario", "--tapes", file("tapes"), "--kernel", "/some/bzImage"});
    return must(run_child(file("ktape-test"), arguments, 1 << 20));
  }
  int bisect(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), "--git-bisect");
    return run(arguments).exit_status;
  }

 private:
  TempDir folder_;
};

}  // namespace

TEST_CASE("a run that completed and violates nothing is good") {
  Bench bench;
  bench.capture({});
  ChildResult test = bench.run({});
  CHECK(test.exit_status == 0);
  CHECK_THAT(test.output, ContainsSubstring("run 1 of 1  good: 1 assertion passed\n"));
  CHECK_THAT(test.output, ContainsSubstring("good: 1 good, 0 bad, 0 that say nothing\n"));
  CHECK(bench.bisect() == 0);
}

TEST_CASE("a violated assertion is bad, even if others pass") {
  Bench bench;
  bench.capture({});
  bench.assertion("broken", 1);
  CHECK(bench.run({}).exit_status == 1);
  CHECK(bench.bisect() == 1);
}

TEST_CASE("a failure that the scenario expects is good, and a pass instead is bad") {
  Bench bench;
  bench.assertion("broken", 1);
  bench.capture({.expect = {{"broken", ""}}});
  ChildResult good = bench.run({});
  CHECK(good.exit_status == 0);
  CHECK_THAT(good.output, ContainsSubstring("good: 1 assertion passed, 1 failed as expected\n"));
  CHECK(bench.run({"--only", "broken"}).exit_status == 0);
  bench.capture({.expect = {{"broken", "a text"}}});
  ChildResult other = bench.run({});
  CHECK(other.exit_status == 1);
  CHECK_THAT(other.output,
             ContainsSubstring("BAD: broken: the scenario expects a failure with 'a text'\n"));
  bench.assertion("run-completed", 1);
  bench.capture({.expect = {{"run-completed", ""}, {"broken", ""}},
                 .outcome = schema::Outcome::GUEST_PANICKED});
  CHECK(bench.run({}).exit_status == 0);
  bench.capture({.expect = {{"holds", ""}}});
  ChildResult passed = bench.run({"--only", "holds"});
  CHECK(passed.exit_status == 1);
  CHECK_THAT(passed.output,
             ContainsSubstring("BAD: holds: passed, but the scenario expects a failure\n"));
  CHECK(bench.bisect({"--only", "holds"}) == 1);
}

TEST_CASE("an ejected scheduler is bad if that is requested, whatever the assertions say") {
  Bench bench;
  bench.capture({.exit_kind = 1026, .exit_message = "sleeper[147] failed to run for 30.012s"});
  CHECK(bench.run({}).exit_status == 0);
  ChildResult test = bench.run({"--fail-on-eject"});
  CHECK(test.exit_status == 1);
  CHECK_THAT(test.output,
             ContainsSubstring("BAD: scheduler 'ktape_vtime' was ejected: runnable task stall: "
                               "sleeper[147] failed to run for 30.012s\n"));
  bench.capture({});
  CHECK(bench.run({"--fail-on-eject"}).exit_status == 0);
}

TEST_CASE("tapes are numbered and never overwritten, and an unsealed one takes a number too") {
  Bench bench;
  bench.capture({});
  fs::create_directory(bench.file("tapes"));
  std::ofstream(bench.file("tapes/my-bzImage-1.ktape")) << "mine";
  std::ofstream(bench.file("tapes/my-bzImage-2.ktape.partial")) << "mine";
  CHECK(bench.run({"--repeat", "2"}).exit_status == 0);
  CHECK(must(read_text_file(bench.file("tapes/my-bzImage-1.ktape"), 100)) == "mine");
  CHECK(!fs::exists(bench.file("tapes/my-bzImage-2.ktape")));
  CHECK(fs::exists(bench.file("tapes/my-bzImage-3.ktape")));
  CHECK(fs::exists(bench.file("tapes/my-bzImage-4.ktape")));
}

TEST_CASE("the arguments after -- go to the capture") {
  Bench bench;
  bench.capture({});
  CHECK(bench.run({"--", "--accel", "tcg"}).exit_status == 0);
  CHECK_THAT(must(read_text_file(bench.file("asked"), 1000)),
             ContainsSubstring("--kernel /some/bzImage --accel tcg\n"));
}

TEST_CASE("a capture that leaves nothing to judge is no verdict: git bisect skips the commit") {
  struct Case {
    const char* how;
    int status;
  };
  for (Case one :
       {Case{"exit 2", 2}, Case{"exit 3", 3}, Case{"exit 4", 4}, Case{"kill -9 $$", 4},
        Case{"exit 99", 4}, Case{"exit 0", 3}, Case{"echo no tape >\"$3\"; exit 1", 3}}) {
    INFO(one.how);
    Bench bench;
    bench.capture_fails(one.how);
    CHECK(bench.run({}).exit_status == one.status);
    CHECK(bench.bisect() == 125);
  }
}

TEST_CASE("a run that the host ended is no verdict, whatever the assertions say") {
  for (auto outcome : {schema::Outcome::MACHINE_LOST, schema::Outcome::HOST_FAILED,
                       schema::Outcome::BOOT_TIMED_OUT, schema::Outcome::INTERRUPTED,
                       schema::Outcome::PROTOCOL_BROKEN}) {
    Bench bench;
    bench.assertion("broken", 1);
    bench.capture({.outcome = outcome}, 1);
    CHECK(bench.bisect() == 125);
  }
}

TEST_CASE(
    "a panic after the first step is judged by the assertions; without a violated one it is no "
    "verdict") {
  Bench bench;
  bench.capture({.outcome = schema::Outcome::GUEST_PANICKED}, 1);
  CHECK(bench.bisect() == 125);
  bench.assertion("run-completed", 1);
  CHECK(bench.bisect() == 1);
}

TEST_CASE("a required assertion has to be decided, others need not") {
  Bench bench;
  bench.capture({});
  bench.assertion("open", 77);
  CHECK(bench.bisect() == 0);
  CHECK(bench.bisect({"--only", "open"}) == 125);
  CHECK(bench.run({"--only", "open"}).exit_status == 77);
}

TEST_CASE("an assertion that crashes is no verdict, and neither is a mistake on the command line") {
  Bench bench;
  bench.capture({});
  CHECK(bench.bisect({"--no-such-option"}) == 125);
  CHECK(bench.run({"--no-such-option"}).exit_status == 2);
  CHECK(bench.bisect({"--only", "no-such-assertion"}) == 125);
  make_program(bench.file("ktape-assert-crash"), "kill -SEGV $$");
  CHECK(bench.bisect() == 125);
  CHECK(bench.run({}).exit_status == 4);
}

TEST_CASE("git bisect run finds the commit whose kernel is bad") {
  Bench bench;
  bench.capture({});
  // The kernel is the "image" of the commit; the assertion checks which one was captured.
  make_program(bench.file("ktape-capture"),
               "cp " + bench.file("made.ktape") + " \"$3\"; cp \"$5\" " + bench.file("booted"));
  make_program(bench.file("ktape-assert-holds"), "echo KTAP version 1; echo 1..1\nif grep -q bad " +
                                                     bench.file("booted") +
                                                     "; then echo not ok 1; exit 1; fi\necho ok 1");
  make_program(bench.file("script"),
               "set -e\nexport HOME=$PWD GIT_CONFIG_NOSYSTEM=1\ngit init -q repo\ncd repo\n"
               "git config user.name t; git config user.email t@t\n"
               "for n in 1 2 3 4 5 6; do\n"
               "  if [ $n -ge 4 ]; then echo bad $n >image; else echo good $n >image; fi\n"
               "  git add image; git commit -q -m commit-$n\ndone\n"
               "git bisect start HEAD HEAD~5\n"
               "git bisect run sh -c 'cp image bzImage && " +
                   bench.file("ktape-test") +
                   " my.scenario --kernel bzImage --tapes ../tapes --git-bisect'\n"
                   "git show -s --format='found %s' refs/bisect/bad");
  ChildResult script =
      must(run_child("/bin/sh", {"-c", "cd " + bench.file("") + " && ./script 2>&1"}, 1 << 20));
  INFO(script.output);
  CHECK(script.exit_status == 0);
  CHECK_THAT(script.output, ContainsSubstring("found commit-4\n"));
}

}  // namespace ktape::test
