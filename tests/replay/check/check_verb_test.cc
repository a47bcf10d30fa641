// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "schema/base/file.h"
#include "tests/replay/programs.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

const std::string kPass = "printf 'KTAP version 1\\n1..1\\nok 1 x\\n'";

// Checks the sample run by these assertions alone, ktape's own and those of the folder.
ChildResult check_by(const TempDir& folder, const std::vector<std::string>& assertions,
                     const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {make_tape(folder.file("run.ktape")).path, "--analyzers",
                                        folder.path()};
  for (const std::string& assertion : assertions)
    arguments.insert(arguments.end(), {"--only", assertion});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program("ktape-check", arguments);
}

}  // namespace

TEST_CASE("check runs every assertion over a good run and all pass") {
  TempDir folder;
  ChildResult child = run_program("ktape-check", {make_tape(folder.file("run.ktape")).path});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("KTAP version 1\n1.."));
  for (std::string name :
       {"freeze-order", "gates-complete", "jiffies-nonzero", "no-scheduler-error", "op-pairing",
        "percpu-typed", "run-completed", "vtime-monotonic"}) {
    CHECK_THAT(child.output, ContainsSubstring(" " + name + "\n"));
  }
  CHECK_THAT(child.output, !ContainsSubstring("not ok "));
  // Those that need arguments say so, and do not count.
  CHECK_THAT(child.output,
             ContainsSubstring(" freeze-bound # SKIP not asked: it needs --max-ns\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("; not asked: freeze-bound, value, worker-progress\n"));
}

TEST_CASE("check judges the .partial of a recorder that died") {
  TempDir folder;
  ChildResult child = run_program("ktape-check", {make_partial(folder.file("run.ktape")), "--only",
                                                  "run-completed", "--only", "vtime-monotonic"});
  CHECK(child.exit_status == 77);
  CHECK_THAT(
      child.output,
      ContainsSubstring("\nok 1 run-completed # SKIP inconclusive: the tape was never sealed"));
  CHECK_THAT(child.output, ContainsSubstring("\nok 2 vtime-monotonic\n"));
}

TEST_CASE("an assertion that crashes is an error beside the others' results") {
  TempDir folder;
  make_analyzer(folder.file("ktape-assert-crash"), "echo half a line; kill -SEGV $$");
  make_analyzer(folder.file("ktape-assert-silent"), "exit 0");
  ChildResult child = check_by(folder, {"crash", "silent", "run-completed"});
  CHECK(child.exit_status == 4);
  CHECK_THAT(child.output,
             ContainsSubstring("\n# half a line\nnot ok 1 crash # ERROR killed by signal 11"));
  CHECK_THAT(child.output, ContainsSubstring("\nok 2 run-completed\n"));
  CHECK_THAT(child.output, ContainsSubstring("\nnot ok 3 silent # ERROR the output is not KTAP: it "
                                             "does not begin with 'KTAP version 1'\n"));
}

TEST_CASE("a dropped-in assertion counts as any other") {
  TempDir folder;
  make_analyzer(folder.file("ktape-assert-mine"),
                "printf 'KTAP version 1\\n1..1\\nnot ok 1 mine\\n'; exit 1");
  ChildResult child = check_by(folder, {"mine", "run-completed"});
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output, ContainsSubstring("# 1 of 2 assertions passed; violated: mine\n"));
}

TEST_CASE("of several tapes each is judged once, and one that is missing or altered is an error") {
  TempDir folder;
  std::string good = make_tape(folder.file("a.ktape")).path;
  std::string altered = make_tape(folder.file("b.ktape")).path;
  damage(altered, "verify_jiffies_64");
  std::string missing = folder.file("c.ktape");
  ChildResult child =
      run_program("ktape-check", {good, altered, missing, good, "--only", "run-completed"});
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, StartsWith("KTAP version 1\n1..3\n"));
  CHECK_THAT(child.output, ContainsSubstring("\n  ok 1 run-completed\nok 1 " + good +
                                             " # 1 of 1 assertions passed\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("\nnot ok 2 " + altered + " # ERROR the tape is altered"));
  CHECK_THAT(child.output, ContainsSubstring("\nnot ok 3 " + missing + " # ERROR cannot open"));
}

TEST_CASE("check lists the analyzers, and refuses a missing analyzer and a missing tape") {
  ChildResult list = run_program("ktape-check", {"--list"});
  CHECK(list.exit_status == 0);
  CHECK_THAT(list.output, ContainsSubstring("jiffies-nonzero "));
  CHECK(run_program("ktape-check", {"--only", "nothing", "x"}).exit_status == 2);
  CHECK(run_program("ktape-check", {}).exit_status == 2);
}

TEST_CASE("an assertion that hangs is stopped and named, and the others are judged") {
  TempDir folder;
  make_analyzer(folder.file("ktape-assert-hang"), "echo so far; sleep 1000");
  ChildResult child = check_by(folder, {"hang", "run-completed"}, {"--timeout", "4"});
  CHECK(child.exit_status == 4);
  CHECK_THAT(child.output,
             ContainsSubstring("\n# so far\nnot ok 1 hang # ERROR did not end within 4000 ms\n"));
  CHECK_THAT(child.output, ContainsSubstring("\nok 2 run-completed\n"));
}

TEST_CASE("an assertion that never stops printing is stopped and named") {
  TempDir folder;
  make_analyzer(folder.file("ktape-assert-flood"), "yes KTAP version 1");
  make_analyzer(folder.file("ktape-assert-loud"), kPass + "; yes | head -c 10000000 >&2");
  ChildResult child = check_by(folder, {"flood", "loud"});
  CHECK(child.exit_status == 4);
  CHECK_THAT(child.output,
             ContainsSubstring("not ok 1 flood # ERROR printed more than 4194304 bytes\n"));
  CHECK_THAT(child.output, ContainsSubstring("\nok 2 loud\n"));
}

TEST_CASE("an analyzer's standard error is printed under its subtest") {
  TempDir folder;
  make_analyzer(folder.file("ktape-assert-broken"), "echo no such table >&2; exit 3");
  ChildResult child = check_by(folder, {"broken"});
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output,
             ContainsSubstring(
                 "\n# stderr: no such table\nnot ok 1 broken # ERROR cannot use the tape\n"));
}

TEST_CASE("assertions on PATH are run, unless an earlier folder has one of that name") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  make_analyzer(folder.file("ktape-assert-mine"), kPass);
  make_analyzer(folder.file("ktape-assert-run-completed"), "exit 9");
  const char* path = ::getenv("PATH");
  std::string line = "PATH='" + folder.path() + ":" + (path != nullptr ? path : "") +
                     "' '" KTAPE_BIN "/ktape-check' ";
  auto shell = [&](const std::string& arguments) {
    return must(run_child("/bin/sh", {"-c", line + arguments}, 1 << 20));
  };
  CHECK(shell("--only mine --only run-completed '" + tape + "'").exit_status == 0);
  CHECK_THAT(shell("--list --only run-completed").output,
             ContainsSubstring("\n                         hides " +
                               folder.file("ktape-assert-run-completed") + "\n"));
}

TEST_CASE(
    "an assertion is given the tape and then its arguments, also a tape whose name looks like an "
    "option") {
  TempDir folder;
  std::filesystem::rename(make_tape(folder.file("run.ktape")).path, folder.file("-r.ktape"));
  make_analyzer(folder.file("ktape-assert-args"), "for a; do echo \"<$a>\"; done; exit 9");
  std::string line =
      "cd '" + folder.path() +
      "' && '" KTAPE_BIN
      "/ktape-check' --analyzers . --with 'args --to \"5 6\"' --only args -- -r.ktape";
  CHECK_THAT(
      must(run_child("/bin/sh", {"-c", line}, 1 << 20)).output,
      ContainsSubstring("\n# <./-r.ktape>\n# <--to>\n# <5 6>\nnot ok 1 args --to 5 6 # ERROR"));
}

TEST_CASE("a required assertion that is inconclusive is violated, and a missing one is a mistake") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  std::string tape = builder.seal().path;
  ChildResult open = run_program("ktape-check", {tape, "--only", "jiffies-nonzero"});
  CHECK(open.exit_status == 77);
  ChildResult child =
      run_program("ktape-check", {tape, "--only", "run-completed", "--require", "jiffies-*"});
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output,
             ContainsSubstring("\nnot ok 1 jiffies-nonzero # required, but inconclusive: "));
  CHECK(run_program("ktape-check", {tape, "--require", "nothing"}).exit_status == 2);
}

TEST_CASE("the output is the same however many assertions run at a time") {
  TempDir folder;
  std::vector<std::string> arguments;
  for (int i = 0; i < 5; ++i)
    arguments.push_back(make_tape(folder.file(std::to_string(i) + ".ktape")).path);
  make_analyzer(folder.file("ktape-assert-a-slow"), "sleep 0.1; " + kPass);
  arguments.insert(arguments.end(), {"--analyzers", folder.path(), "-j"});
  auto with_jobs = [&](const char* jobs) {
    std::vector<std::string> all = arguments;
    all.push_back(jobs);
    return run_program("ktape-check", all).output;
  };
  std::string one = with_jobs("1");
  CHECK_THAT(one, ContainsSubstring("KTAP version 1\n1.."));
  CHECK(with_jobs("8") == one);
}

TEST_CASE("what the recorder lost is in the summary") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  auto seal = [](schema::Sealed::Builder sealed) {
    sealed.setOutcome(schema::Outcome::COMPLETED);
    auto loss = sealed.initLosses(1)[0];
    loss.setName("console_bytes");
    loss.setCount(17);
  };
  std::string tape = must(builder.writer().seal(HostNs(9), seal)).path;
  ChildResult child = run_program("ktape-check", {tape, "--only", "run-completed"});
  CHECK_THAT(child.output, ContainsSubstring("# losses: 17 console_bytes\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("\n# losses: " + tape + " (17 console_bytes)\n# Totals"));
}

TEST_CASE("the JSON and the JUnit report say what the KTAP says") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string missing = folder.file("gone.ktape");
  make_analyzer(folder.file("ktape-assert-bad"),
                "printf 'KTAP version 1\\n1..1\\n# violated, seq 5: <x> & \"y\" \\033[1m\\nnot ok "
                "1 bad\\n'; exit 1");
  make_analyzer(folder.file("ktape-assert-crash"), "kill -SEGV $$");
  std::string json = folder.file("check.json");
  std::string junit = folder.file("check.xml");
  ChildResult child = run_program(
      "ktape-check", {tape, missing, "--analyzers", folder.path(), "--only", "bad", "--only",
                      "crash", "--only", "run-completed", "--json", json, "--junit", junit});
  CHECK(child.exit_status == 3);
  CHECK(python(R"(
import json, sys
check = json.load(open(sys.argv[1]))
print(check["exitStatus"], check["totals"])
for tape in check["tapes"]:
    print(tape["integrity"], tape["losses"], len(tape["head"]))
    for r in tape["results"]:
        print(r["name"], r["verdict"], r["reason"].split("'")[0])
)",
               {json}) ==
        "3 {'pass': 1, 'fail': 1, 'xfail': 0, 'xpass': 0, 'skip': 0, 'error': 2}\n"
        "intact none 64\n"
        "bad fail seq 5: <x> & \"y\" \\x1b[1m\n"
        "crash error killed by signal 11 (Segmentation fault)\n"
        "run-completed pass \n"
        "unreadable not known: the tape cannot be read 0\n"
        "verify error cannot open tape \n");
  CHECK(python(R"(
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["errors"])
for suite in root:
    print(suite.tag, suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"])
    for case in suite.iter("testcase"):
        print(case.attrib["name"],
              [(c.tag, c.attrib["message"].split("'")[0]) for c in case if c.tag != "system-out"])
)",
               {junit}) ==
        "testsuites 4 1 2\n"
        "testsuite 3 1 1\n"
        "bad [('failure', 'seq 5: <x> & \"y\" \\\\x1b[1m')]\n"
        "crash [('error', 'killed by signal 11 (Segmentation fault)')]\n"
        "run-completed []\n"
        "testsuite 1 0 1\n"
        "verify [('error', 'cannot open tape ')]\n");
}

TEST_CASE("a line of megabytes is cut in every report, and says how much is left out") {
  const TempDir folder;
  make_analyzer(
      folder.file("ktape-assert-long"),
      "printf 'KTAP version 1\\n1..1\\n# violated, '; head -c 3000000 /dev/zero | tr '\\0' x; "
      "printf '\\nnot ok 1 long\\n'; exit 1");
  const std::string json = folder.file("check.json");
  const std::string junit = folder.file("check.xml");
  const ChildResult child =
      check_by(folder, {"long"}, {"--github", "--json", json, "--junit", junit});
  CHECK(child.exit_status == 1);
  // The reason is cut to 4096 bytes; the line that it comes from begins with "# violated, ".
  CHECK_THAT(child.output, ContainsSubstring("xx (… 2995904 more bytes)\n# 0 of 1"));
  CHECK_THAT(child.output, ContainsSubstring("xx (… 2995916 more bytes)\nnot ok 1 long # xx"));
  const std::string of_command = child.output.substr(child.output.find("::error title=long"));
  CHECK_THAT(of_command, ContainsSubstring("xx (… 2995904 more bytes)\n"));
  for (const std::string& report :
       {child.output, must(read_text_file(json, 1 << 24)), must(read_text_file(junit, 1 << 24))}) {
    CHECK(report.size() < 100'000);
    CHECK_THAT(report, ContainsSubstring(" more bytes)"));
  }
}

// Verification is what takes long, and a signal that came too late would be lost in it.
TEST_CASE("a signal ends check while tapes are verified, before any assertion") {
  const TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  make_analyzer(folder.file("ktape-assert-witness"), "touch " + folder.file("ran") + "; exit 1");
  CHECK(python(R"(
import os, pathlib, shutil, signal, subprocess, sys, time
program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
tapes = [shutil.copy(folder / "run.ktape", folder / f"{n}.ktape") for n in range(600)]
check = subprocess.Popen([program, "-j1", "--analyzers", folder, "--only", "witness", *tapes],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
def verifies():
    files = pathlib.Path(f"/proc/{check.pid}/fd")
    try:
        return any(os.readlink(file).endswith(".ktape") for file in files.iterdir())
    except OSError:
        return False  # closed since it was listed
while check.poll() is None and not verifies():
    pass
check.send_signal(signal.SIGTERM)
output, errors = check.communicate(timeout=60)
print(check.returncode == -signal.SIGTERM, output, errors, (folder / "ran").exists())
)",
               {KTAPE_BIN "/ktape-check", folder.path()}) == "True b'' b'' False\n");
}

TEST_CASE("JSON on standard output takes the place of the KTAP") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  ChildResult child = run_program("ktape-check", {tape, "--only", "run-completed", "--json", "-"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("{\n  \"format\":1,\n  \"ktape\":\""));
  CHECK_THAT(child.output, ContainsSubstring("\"verdict\":\"pass\""));
}

TEST_CASE("a report replaces an older one, but never a tape") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string other = make_tape(folder.file("other.ktape")).path;
  CHECK(run_program("ktape-check", {"--junit", other, tape}).exit_status == 2);
  CHECK(run_program("ktape-verify", {other}).exit_status == 0);
  std::string report = folder.file("check.json");
  std::ofstream(report) << std::string(100'000, 'x');
  CHECK(
      run_program("ktape-check", {tape, "--only", "run-completed", "--json", report}).exit_status ==
      0);
  CHECK(python("import json, sys; json.load(open(sys.argv[1])); print('ok')", {report}) == "ok\n");
}

TEST_CASE("an assertion in Python that uses only the SQL tables runs like any other") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  auto check = [&](const std::string& path, const std::string& with) {
    return run_program("ktape-check", {path, "--analyzers", KTAPE_EXAMPLES, "--only",
                                       "freeze-share", "--with", with});
  };
  ChildResult good = check(tape, "freeze-share");
  CHECK(good.exit_status == 0);
  CHECK_THAT(good.output,
             ContainsSubstring("\n# seq 47: 3 freezes took 7020000 ns, 13.500 % of the steps' "));
  CHECK_THAT(good.output, ContainsSubstring("\nok 1 freeze-share\n"));
  ChildResult bad = check(tape, "freeze-share --max-percent 13");
  CHECK(bad.exit_status == 1);
  CHECK_THAT(bad.output, ContainsSubstring(
                             "\nnot ok 1 freeze-share --max-percent 13 # seq 47: 3 freezes took "));

  TapeBuilder builder(folder.file("empty.ktape"));
  builder.run_started();
  ChildResult open = check(builder.seal().path, "freeze-share");
  CHECK(open.exit_status == 77);
  CHECK_THAT(open.output,
             ContainsSubstring("\nok 1 freeze-share # SKIP inconclusive: no step finished\n"));

  CHECK(check(tape, "freeze-share --max-percent lots").exit_status == 4);
  std::string other = folder.file("other.db");
  CHECK(python("import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE t (a)')",
               {other})
            .empty());
  CHECK(
      must(run_child(KTAPE_EXAMPLES "/ktape-assert-freeze-share", {other}, 1 << 20)).exit_status ==
      3);
}

}  // namespace ktape::test
