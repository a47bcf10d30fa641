// SPDX-License-Identifier: Apache-2.0
#include "replay/check/expectations.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "replay/check/ktap.h"
#include "schema/scenario/expected_failures.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

using Kind = CheckResult::Kind;

const CheckResult kPassedResult{Kind::kPassed, ExitCode::kGood, ""};

Expectations stall(const std::string& match = "failed to run for") {
  return {{{"no-scheduler-error", match}}, ""};
}

// The result of an assertion that was violated, with these findings, once `expected` is known.
CheckResult violated(const Expectations& expected, const std::string& findings,
                     const std::string& reason = "seq 5: 'a' failed to run for 3.1s") {
  const std::string said = as_subtest("x", "KTAP version 1\n1..1\n" + findings + "not ok 1 x\n");
  return as_expected(expected, "no-scheduler-error", {Kind::kViolated, ExitCode::kViolated, reason},
                     said);
}

const std::string kStall = "# violated, seq 5: 'a' failed to run for 3.1s\n";

// What a tape whose scenario expects `count` failures with this text says.
Expectations read(size_t count, const std::string& match) {
  const TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.add([&](schema::Record::Builder record) {
    auto list = record.initRunStarted().initScenario().initExpect(static_cast<unsigned>(count));
    for (auto one : list) {
      one.setAssertion("value");
      one.setMatch(match);
    }
  });
  return must(read_expectations(*must(TapeReader::open(builder.seal().path))));
}

}  // namespace

TEST_CASE("a failure that the scenario expects is good, and keeps its reason") {
  const CheckResult result = violated(stall(), kStall);
  CHECK(result.kind == Kind::kXfail);
  CHECK(result.code == ExitCode::kGood);
  CHECK(result.reason == "seq 5: 'a' failed to run for 3.1s");
  CHECK(violated(stall(""), kStall).kind == Kind::kXfail);
}

TEST_CASE("a pass that the scenario does not expect is a failure") {
  const CheckResult result = as_expected(stall(), "no-scheduler-error", kPassedResult, "");
  CHECK(result.kind == Kind::kXpass);
  CHECK(result.code == ExitCode::kViolated);
  CHECK(result.reason == "passed, but the scenario expects a failure with 'failed to run for'");
  CHECK(as_expected(stall(""), "no-scheduler-error", kPassedResult, "").reason ==
        "passed, but the scenario expects a failure");
}

TEST_CASE("a failure without the expected text stays one, and tells both") {
  const CheckResult result = violated(stall("runtime error"), kStall);
  CHECK(result.kind == Kind::kViolated);
  CHECK(result.code == ExitCode::kViolated);
  CHECK(result.reason ==
        "seq 5: 'a' failed to run for 3.1s; the scenario expects a failure with 'runtime error'");
}

TEST_CASE("an expected failure does not hide another one of the same assertion") {
  const std::string both = kStall + "# violated, seq 9: invalid CPU 7\n";
  CHECK(violated(stall(), both).reason ==
        "seq 9: invalid CPU 7; the scenario expects a failure with 'failed to run for'");
  Expectations expected = stall();
  expected.failures.push_back({"no-scheduler-error", "invalid CPU"});
  CHECK(violated(expected, both).kind == Kind::kXfail);
  CHECK(violated(expected, kStall + "# violated, and 3 more\n").reason ==
        "seq 5: 'a' failed to run for 3.1s, and 3 more that it does not tell; the scenario expects "
        "a failure with 'failed to run for' or 'invalid CPU'");
  CHECK(violated(stall(""), kStall + "# violated, and 3 more\n").kind == Kind::kXfail);
}

TEST_CASE("an assertion that tells its failure in its own words may have the text anywhere") {
  CHECK(violated(stall(), "# it failed to run for a while\n", "").kind == Kind::kXfail);
  CHECK(violated(stall(), "# it broke\n", "").reason ==
        "the scenario expects a failure with 'failed to run for'");
}

TEST_CASE("other assertions, and results that decide nothing, stay as they are") {
  CHECK(as_expected(stall(), "value", kPassedResult, "").kind == Kind::kPassed);
  for (const Kind kind : {Kind::kInconclusive, Kind::kNotAsked, Kind::kError}) {
    CHECK(as_expected(stall(), "no-scheduler-error", {kind, ExitCode::kHost, "why"}, "").kind ==
          kind);
  }
}

TEST_CASE("a tape's list of expected failures is used up to a recorder's limits") {
  CHECK(read(kMaxExpectedFailures, "x").failures.size() == kMaxExpectedFailures);
  CHECK(read(1, std::string(kMaxExpectedBytes, 'x')).failures.size() == 1);
  const Expectations many = read(100'000, "");
  CHECK(many.failures.empty());
  CHECK(many.ignored == "the scenario lists 100000 expected failures; the limit is 64");
  const Expectations wide = read(2, std::string(1 << 20, 'x'));
  CHECK(wide.failures.empty());
  CHECK(wide.ignored == "a text among the scenario's expected failures has more than 256 bytes");
}

TEST_CASE("a tape without the list expects nothing") {
  CHECK(read(0, "").failures.empty());
  const TempDir folder;
  TapeBuilder empty(folder.file("run.ktape"));
  CHECK(must(read_expectations(*must(TapeReader::open(empty.seal().path)))).failures.empty());
}

}  // namespace ktape::test
