// SPDX-License-Identifier: Apache-2.0
#include "replay/check/terminal_report.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "replay/check/ktap.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

using Kind = CheckResult::Kind;

CheckedTape intact(const std::string& path, const std::string& losses = "none") {
  CheckedTape tape;
  tape.path = path;
  tape.integrity = "intact";
  tape.head = "0123";
  tape.losses = losses;
  return tape;
}

// What an assertion is shown as that ended so and printed these lines.
std::string shown(CheckResult result, const std::string& name, const std::string& lines,
                  size_t columns = 100) {
  const CheckedTape tape = intact("run.ktape");
  const AssertionRun run{name, "", {}, false};
  TerminalReport report(Colors(), columns);
  report.add({tape, &run, {result, as_subtest(name, "KTAP version 1\n1..1\n" + lines)}});
  CheckSummary summary;
  summary.add(name, result);
  return report.finish(summary);
}

const CheckResult kPass{Kind::kPassed, ExitCode::kGood, ""};

}  // namespace

TEST_CASE("an assertion that passed has its first fact, the number of others, and its notes") {
  CHECK(
      shown(kPass, "a",
            "# tape: run.ktape (sealed, 9 records)\n# 2 records are of kinds that this build does "
            "not know\n# seq 3: one\n# seq 4: two\n# and 5 more\n# note, mind this\n# losses: "
            "none\nok 1 a\n") ==
      "run.ktape: intact, losses: none\nhead 0123\n"
      "pass          a  seq 3: one (and 6 more)\n"
      "                 2 records are of kinds that this build does not know\n"
      "                 note, mind this\n"
      "\n1 of 1 assertions passed\n--ktap prints every finding\n");
}

TEST_CASE("an assertion that says nothing has its verdict and its name") {
  CHECK_THAT(shown(kPass, "a", "ok 1 a\n"), ContainsSubstring("\npass          a\n\n1 of 1"));
}

TEST_CASE("a long fact of an assertion that passed is wrapped below its beginning, and is whole") {
  CHECK_THAT(shown(kPass, "a", "# seq 3: one two three\nok 1 a\n", 32),
             ContainsSubstring("  seq 3: one two\n                 three\n") &&
                 !ContainsSubstring("--ktap"));
  CHECK_THAT(shown(kPass, "a", "# seq 3: one\n# seq 4: two\nok 1 a\n"),
             ContainsSubstring("  seq 3: one (and 1 more)\n") &&
                 ContainsSubstring("\n--ktap prints every finding\n"));
}

TEST_CASE("a fact of megabytes is cut") {
  const std::string fact(3'000'000, 'x');
  const CheckResult violated{Kind::kViolated, ExitCode::kViolated, "seq 3: no"};
  for (const CheckResult& result : {kPass, violated}) {
    const std::string text = shown(result, "a", "# " + fact + "\nok 1 a\n");
    CHECK(text.size() < 10'000);
    CHECK_THAT(text, ContainsSubstring("(… 2995904 more bytes)"));
  }
}

TEST_CASE("a long name has a line of its own") {
  const std::string name = "value --tag nr_running --op <= --to 8";
  CHECK_THAT(shown(kPass, name, "# seq 3: one\nok 1 a\n"),
             ContainsSubstring("\npass          " + name + "\n                seq 3: one\n"));
}

TEST_CASE("an assertion that was violated shows all that it found, however much another prints") {
  const CheckResult violated{Kind::kViolated, ExitCode::kViolated, "seq 3: one"};
  const std::string long_fact(200, 'x');
  CHECK_THAT(shown(violated, "a",
                   "# violated, seq 3: one\n# violated, " + long_fact +
                       "\n# violated, and 2 more\n# undecided, b\n# c\n# note, d\nnot ok 1 a\n"),
             ContainsSubstring("VIOLATED      a  seq 3: one\n"
                               "              violated,\n              " +
                               long_fact +
                               "\n              violated, and 2 more\n              undecided, b\n"
                               "              c\n              note, d\n"));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "# line\n";
  CHECK_THAT(shown(violated, "a", many),
             ContainsSubstring("\n              and 872 more; --ktap prints them\n"));
}

TEST_CASE("an assertion that needs arguments is shown once, of however many tapes") {
  const CheckedTape a = intact("a.ktape");
  const CheckedTape b = intact("b.ktape");
  const AssertionRun run{"value", "", {}, false};
  const CheckResult not_asked{Kind::kNotAsked, ExitCode::kGood, "not asked: it needs --tag"};
  TerminalReport report(Colors(), 100);
  for (const CheckedTape* tape : {&a, &b}) report.add({*tape, &run, {not_asked, ""}});
  CHECK(report.finish({}) ==
        "a.ktape: intact, losses: none\nhead 0123\nnot asked     value  it needs --tag\n\n"
        "b.ktape: intact, losses: none\nhead 0123\n\n0 of 0 assertions passed\n");
}

TEST_CASE("what tapes lost is in their headings, and of several in the summary") {
  const CheckedTape a = intact("a.ktape", "3 console_bytes");
  const CheckedTape b = intact("b.ktape");
  const AssertionRun run{"x", "", {}, false};
  TerminalReport report(Colors(), 100);
  for (const CheckedTape* tape : {&a, &b}) report.add({*tape, &run, {kPass, ""}});
  CheckSummary summary;
  summary.add_losses("a.ktape", a.losses);
  CHECK_THAT(report.finish(summary),
             ContainsSubstring("a.ktape: intact, losses: 3 console_bytes\n") &&
                 ContainsSubstring("\nlosses: a.ktape (3 console_bytes)\n"));
}

TEST_CASE("an expected failure has its fact, and an unexpected pass is among the failures") {
  CHECK_THAT(
      shown({Kind::kXfail, ExitCode::kGood, "seq 5: a stall"}, "a",
            "# violated, seq 5: a stall\n# violated, seq 9: a stall\nnot ok 1 a\n"),
      ContainsSubstring("\nxfail         a  seq 5: a stall (and 1 more)\n\n0 of 1 assertions "
                        "passed; failed as expected: a\n--ktap"));
  CHECK_THAT(
      shown({Kind::kXpass, ExitCode::kViolated, "passed, but"}, "a", "# seq 5: fine\nok 1 a\n"),
      ContainsSubstring("\nXPASS         a  passed, but\n              seq 5: fine\n\n0 of 1 "
                        "assertions passed; passed, but expected to fail: a\n"));
}

TEST_CASE("a failure other than the expected one tells its evidence once") {
  const std::string text = shown(
      {Kind::kViolated, ExitCode::kViolated, "seq 5: a; the scenario expects a failure with 'b'"},
      "a", "# violated, seq 5: a\nnot ok 1 a\n");
  CHECK_THAT(text, ContainsSubstring("\nVIOLATED      a  seq 5: a; the scenario expects a failure "
                                     "with 'b'\n\n0 of 1"));
}

}  // namespace ktape::test
