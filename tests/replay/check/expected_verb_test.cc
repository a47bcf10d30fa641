// SPDX-License-Identifier: Apache-2.0

// What `ktape check` says of failures that a scenario expects, and its output for GitHub.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <fstream>

#include "schema/base/file.h"
#include "tests/replay/programs.h"
#include "tests/replay/two_runs.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

// A tape whose scheduler stalled, or not, and whose scenario expects a failure with this text.
std::string make_expecting(const std::string& path, bool stalled, const std::string& match) {
  RunSpec spec;
  spec.expect = {{"no-scheduler-error", match}};
  if (stalled) {
    spec.exit_kind = 1026;
    spec.exit_message = "sleeper[147] failed to run for 30.012s";
  }
  return record_run(path, spec).path;
}

ChildResult check(const std::string& tape, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {tape, "--only", "no-scheduler-error"});
  return run_program("ktape-check", more);
}

// Verdict, totals and exit status in the JSON of `ktape check`.
std::string json_of(const std::string& tape) {
  const ChildResult child = check(tape, {"--json", "-"});
  return python(R"(
import json, sys
check = json.loads(sys.argv[1])
print(check["exitStatus"], check["totals"]["xfail"], check["totals"]["xpass"],
      check["totals"]["fail"],
      check["tapes"][0]["results"][0]["verdict"])
)",
                {child.output});
}

}  // namespace

TEST_CASE(
    "an assertion that is expected to fail and is not there is inconclusive, in each report") {
  const TempDir folder;
  RunSpec spec;
  spec.expect = {{"own-assertion", "a"}, {"own-assertion", "b"}};
  const std::string tape = record_run(folder.file("a.ktape"), spec).path;
  const std::string json = folder.file("check.json");
  const std::string junit = folder.file("check.xml");
  const ChildResult child =
      run_program("ktape-check", {tape, "--github", "--json", json, "--junit", junit});
  const std::string why =
      "the scenario expects it to fail, but there is no such assertion: name its folder with "
      "--analyzers";
  CHECK_THAT(child.output, ContainsSubstring("\n1..13\n"));
  CHECK_THAT(child.output, ContainsSubstring("\nok 13 own-assertion # SKIP " + why + "\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("; inconclusive: freeze-consistent, own-assertion; not asked: "));
  CHECK_THAT(child.output,
             ContainsSubstring("\n::warning title=own-assertion%3A " + tape + "::" + why));
  CHECK(python(R"(
import json, sys, xml.etree.ElementTree as tree
for result in json.load(open(sys.argv[1]))["tapes"][0]["results"]:
    if result["name"] == "own-assertion":
        print(result["verdict"], result["program"], result["reason"])
for case in tree.parse(sys.argv[2]).getroot().iter("testcase"):
    if case.attrib["name"] == "own-assertion":
        print(case[0].tag, case[0].attrib["message"])
)",
               {json, junit}) == "inconclusive  " + why + "\nskipped " + why + "\n");
  const ChildResult only = run_program("ktape-check", {tape, "--only", "run-completed"});
  CHECK(only.exit_status == 0);
  CHECK_THAT(only.output, !ContainsSubstring("own-assertion"));
}

TEST_CASE("an assertion that is there only for one of two tapes is in the plan of that one") {
  const TempDir folder;
  const std::string good = make_tape(folder.file("a.ktape")).path;
  RunSpec spec;
  spec.expect = {{"own-assertion", ""}};
  const std::string tape = record_run(folder.file("b.ktape"), spec).path;
  const ChildResult child = run_program("ktape-check", {good, tape});
  CHECK_THAT(child.output, ContainsSubstring(good + "\n  1..12\n"));
  CHECK_THAT(child.output, ContainsSubstring(tape + "\n  1..13\n"));
  CHECK(std::string(child.output).find("  ok 13 own-assertion # SKIP ") != std::string::npos);
}

TEST_CASE("a report lists an assertion that is expected to fail and is not there") {
  const TempDir folder;
  RunSpec spec;
  spec.expect = {{"own-assertion", ""}};
  const std::string tape = record_run(folder.file("a.ktape"), spec).path;
  CHECK_THAT(run_program("ktape-report", {tape}).output, ContainsSubstring("own-assertion"));
}

TEST_CASE("a failure that the scenario on the tape expects is xfail, and good") {
  const TempDir folder;
  const std::string tape = make_expecting(folder.file("a.ktape"), true, "failed to run for");
  const ChildResult child = check(tape);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring("\nok 1 no-scheduler-error # XFAIL seq "));
  CHECK_THAT(child.output, ContainsSubstring(" failed to run for 30.012s"));
  CHECK_THAT(child.output, ContainsSubstring("\n# 0 of 1 assertions passed; failed as expected: "
                                             "no-scheduler-error\n"));
  CHECK_THAT(child.output, ContainsSubstring(" fail:0 xfail:1 xpass:0 "));
  CHECK(json_of(tape) == "0 1 0 0 xfail\n");
}

TEST_CASE("an assertion that passes although the scenario expects a failure is xpass, a failure") {
  const TempDir folder;
  const std::string tape = make_expecting(folder.file("a.ktape"), false, "failed to run for");
  const ChildResult child = check(tape);
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output,
             ContainsSubstring("\nnot ok 1 no-scheduler-error # XPASS passed, but the scenario "
                               "expects a failure with 'failed to run for'\n"));
  CHECK_THAT(child.output, ContainsSubstring(" fail:0 xfail:0 xpass:1 "));
  CHECK(json_of(tape) == "1 0 1 0 xpass\n");
}

TEST_CASE("a failure other than the one that the scenario expects tells both") {
  const TempDir folder;
  const std::string tape = make_expecting(folder.file("a.ktape"), true, "invalid CPU");
  const ChildResult child = check(tape);
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output, ContainsSubstring("\nnot ok 1 no-scheduler-error # seq "));
  CHECK_THAT(child.output, ContainsSubstring(" failed to run for 30.012s); the scenario expects a "
                                             "failure with 'invalid CPU'\n"));
  CHECK(json_of(tape) == "1 0 0 1 fail\n");
}

TEST_CASE(
    "the JUnit report has an expected failure as skipped, and an unexpected pass as failure") {
  const TempDir folder;
  const std::string xfail = make_expecting(folder.file("a.ktape"), true, "failed to run for");
  const std::string xpass = make_expecting(folder.file("b.ktape"), false, "failed to run for");
  const std::string junit = folder.file("check.xml");
  CHECK(check(xfail, {xpass, "--junit", junit}).exit_status == 1);
  CHECK(python(R"(
import sys, xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    for outcome in case:
        print(outcome.tag, outcome.attrib["type"], outcome.attrib["message"][:18],
              "failed to run" in outcome.text)
)",
               {junit}) ==
        "skipped xfail failed as expected True\n"
        "failure xpass passed, but the sc False\n");
}

TEST_CASE("a stranger's tape with an absurd list of expected failures is judged without it") {
  const TempDir folder;
  TapeBuilder builder(folder.file("a.ktape"));
  builder.add([](schema::Record::Builder record) {
    for (auto one : record.initRunStarted().initScenario().initExpect(200'000))
      one.setAssertion("run-completed");
  });
  const std::string tape = builder.seal().path;
  const ChildResult child = run_program("ktape-check", {tape, "--only", "run-completed"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output,
             ContainsSubstring("\n# expected failures are ignored: the scenario lists 200000 "
                               "expected failures; the limit is 64\n"));
  CHECK_THAT(child.output, ContainsSubstring("\nok 1 run-completed\n"));
  CHECK(child.output.size() < 10'000);
}

TEST_CASE("the results of several tapes are subtests, each with a plan of its own") {
  const TempDir folder;
  const std::string good = make_tape(folder.file("a.ktape")).path;
  const std::string bad = make_expecting(folder.file("b.ktape"), false, "x");
  const ChildResult child = check(good, {bad, folder.file("c.ktape")});
  CHECK_THAT(child.output, StartsWith("KTAP version 1\n1..3\n  KTAP version 1\n  # Subtest: " +
                                      good + "\n  1..1\n  # tape " + good + ": intact, head "));
  CHECK_THAT(child.output, ContainsSubstring("\n  ok 1 no-scheduler-error\nok 1 " + good +
                                             " # 1 of 1 assertions passed\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("\nnot ok 2 " + bad +
                               " # 0 of 1 assertions passed; passed, but expected to fail: "
                               "no-scheduler-error\nnot ok 3 " +
                               folder.file("c.ktape") + " # ERROR cannot open tape"));
}

TEST_CASE(
    "check --github prints annotations after all that could be taken for one, and a summary") {
  const TempDir folder;
  const std::string tape = make_tape(folder.file("a.ktape")).path;
  make_analyzer(folder.file("ktape-assert-forger"),
                "printf 'KTAP version 1\\n1..1\\n# violated, ##[add-mask]a\\n::error::x\\nnot ok 1 "
                "x\\n'; exit 1");
  const std::string summary = folder.file("summary.md");
  std::ofstream(summary) << "before\n";
  ::setenv("GITHUB_STEP_SUMMARY", summary.c_str(), 1);
  const ChildResult child = run_program(
      "ktape-check", {tape, "--analyzers", folder.path(), "--only", "forger", "--github"});
  ::unsetenv("GITHUB_STEP_SUMMARY");
  CHECK(child.exit_status == 1);
  REQUIRE_THAT(child.output, StartsWith("::stop-commands::ktape-"));
  const std::string word = child.output.substr(17, child.output.find('\n') - 17);
  const size_t resumed = child.output.find("\n::" + word + "::\n");
  REQUIRE(resumed != std::string::npos);
  CHECK(child.output.find("::error::x") < resumed);
  CHECK(child.output.substr(resumed + word.size() + 6) ==
        "::error title=forger%3A " + tape + "::##[add-mask]a\n");
  CHECK_THAT(
      must(read_text_file(summary, 1 << 20)),
      StartsWith("before\n### ktape check: 0 of 1 assertions passed; violated&#58; forger\n"));
}

TEST_CASE("check --github needs standard output, and a summary that can be written") {
  const TempDir folder;
  const std::string tape = make_tape(folder.file("a.ktape")).path;
  CHECK(check(tape, {"--github", "--json", "-"}).exit_status == 2);
  CHECK(check(tape, {"--github"}).exit_status == 0);
  ::setenv("GITHUB_STEP_SUMMARY", folder.path().c_str(), 1);
  CHECK(check(tape, {"--github"}).exit_status == 4);
  ::unsetenv("GITHUB_STEP_SUMMARY");
}

}  // namespace ktape::test
