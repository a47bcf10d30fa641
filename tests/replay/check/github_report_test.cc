// SPDX-License-Identifier: Apache-2.0
#include "replay/check/github_report.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

using Kind = CheckResult::Kind;

CheckedTape tape_at(const std::string& path) {
  CheckedTape tape;
  tape.path = path;
  tape.losses = "none";
  return tape;
}

// The report of one result.
GithubReport report_of(const CheckedTape& tape, const std::string& name, CheckResult result) {
  GithubReport report;
  const AssertionRun run{name, "", {}, false};
  report.add({tape, &run, {std::move(result), "", {}}});
  return report;
}

std::string command_of(const std::string& path, const std::string& name, CheckResult result) {
  return report_of(tape_at(path), name, std::move(result)).commands();
}

const CheckResult kBad{Kind::kViolated, ExitCode::kViolated, "seq 5: 'x' is 0"};

}  // namespace

TEST_CASE("each result but a pass is an annotation of its severity") {
  CHECK(command_of("a.ktape", "value", kBad) ==
        "::error title=value%3A a.ktape::seq 5: 'x' is 0\n");
  CHECK(command_of("a", "value", {Kind::kXpass, ExitCode::kViolated, "passed, but"}) ==
        "::error title=value%3A a::passed, but\n");
  CHECK(command_of("a", "value", {Kind::kError, ExitCode::kHost, "killed"}) ==
        "::error title=value%3A a::killed\n");
  CHECK(command_of("a", "value", {Kind::kInconclusive, ExitCode::kInconclusive, "no tag"}) ==
        "::warning title=value%3A a::no tag\n");
  CHECK(command_of("a", "value", {Kind::kXfail, ExitCode::kGood, "seq 5: x"}) ==
        "::notice title=value%3A a::failed as expected: seq 5: x\n");
  CHECK(command_of("a", "value", {Kind::kPassed, ExitCode::kGood, ""}).empty());
  CHECK(command_of("a", "value", {Kind::kNotAsked, ExitCode::kGood, "it needs --tag"}).empty());
}

TEST_CASE("text of a tape cannot end an annotation's property or its line") {
  CHECK(command_of("100%,a::b\r\n::error::c", "value --tag a,b", kBad) ==
        "::error title=value --tag a%2Cb%3A 100%25%2Ca%3A%3Ab\\r\\n%3A%3Aerror%3A%3Ac::seq 5: 'x' "
        "is 0\n");
  CHECK(command_of("a", "value", {Kind::kViolated, ExitCode::kViolated, "5 %\n::error::x\r"}) ==
        "::error title=value%3A a::5 %25%0A::error::x%0D\n");
}

TEST_CASE("the job summary is a table of what did not pass, and one of the tapes") {
  const CheckedTape tape = tape_at("a.ktape");
  GithubReport report = report_of(tape, "value", kBad);
  const AssertionRun good{"op-pairing", "", {}, false};
  report.add({tape, &good, {{Kind::kPassed, ExitCode::kGood, ""}, "", {}}});
  CheckSummary all;
  all.add("value", kBad);
  CHECK(report.summary(all) ==
        "### ktape check: 0 of 1 assertions passed; violated&#58; value\n\n"
        "| verdict | assertion | tape | why |\n|---|---|---|---|\n"
        "| **violated** | value | a.ktape | seq 5&#58; 'x' is 0 |\n\n"
        "| tape | result | losses |\n|---|---|---|\n"
        "| a.ktape | 1 of 2 assertions passed; violated&#58; value | none |\n\n");
}

TEST_CASE("text of a tape is text in the job summary") {
  const CheckedTape tape = tape_at("a|b");
  GithubReport report = report_of(
      tape, "value", {Kind::kViolated, ExitCode::kViolated, "<img> `x` [a](b) @all\n| c"});
  const std::string summary = report.summary({});
  CHECK_THAT(summary, ContainsSubstring("| a&#124;b |"));
  CHECK_THAT(summary,
             ContainsSubstring("| &#60;img&#62; &#96;x&#96; &#91;a&#93;&#40;b&#41; &#64;all&#10;"
                               "&#124; c |\n"));
}

TEST_CASE("the job summary stays below GitHub's limit, whatever the tapes say") {
  std::vector<CheckedTape> tapes;
  for (int i = 0; i < 2000; ++i) tapes.push_back(tape_at(std::string(200, '|')));
  GithubReport report;
  const AssertionRun run{"value", "", {}, false};
  for (const CheckedTape& tape : tapes) {
    report.add(
        {tape, &run, {{Kind::kViolated, ExitCode::kViolated, std::string(1 << 16, '<')}, "", {}}});
  }
  const std::string summary = report.summary({});
  CHECK(summary.size() < size_t{1} << 20);
  const std::string row = "| **violated** | value |";
  size_t rows = 0;
  for (size_t at = summary.find(row); at != std::string::npos; at = summary.find(row, at + 1))
    ++rows;
  CHECK(rows > 50);
  CHECK_THAT(summary, ContainsSubstring(fmt::format("\nand {} more, which do not fit\n\n| tape |",
                                                    tapes.size() - rows)));
}

TEST_CASE("a word that stops the runner's commands is long, and another each time") {
  const Result<std::string> word = stop_word();
  REQUIRE(word.ok());
  CHECK(word->size() == 38);
  CHECK(word->starts_with("ktape-"));
  CHECK(*stop_word() != *word);
}

}  // namespace ktape::test
