// SPDX-License-Identifier: Apache-2.0
#include "replay/check/check.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>

namespace ktape::test {

namespace {

const std::string kPassed = "KTAP version 1\n1..1\nok 1 a\n";
const std::string kFailed = "KTAP version 1\n1..1\nnot ok 1 a\n";
const std::string kSkipped = "KTAP version 1\n1..1\nok 1 a # SKIP inconclusive: no tag\n";

CheckResult ended(int status, const std::string& output) {
  return result_of_child({status, 0, output});
}

}  // namespace

TEST_CASE("an assertion's exit status and KTAP give its result") {
  CHECK(ended(0, kPassed).kind == CheckResult::Kind::kPassed);
  CHECK(ended(1, kFailed).kind == CheckResult::Kind::kViolated);
  CHECK(ended(77, kSkipped).kind == CheckResult::Kind::kInconclusive);
  CHECK(ended(77, kSkipped).reason == "inconclusive: no tag");
}

TEST_CASE("an assertion that was killed is an error, whatever it printed") {
  CheckResult result = result_of_child({-1, SIGSEGV, kPassed});
  CHECK(result.kind == CheckResult::Kind::kError);
  CHECK(result.code == ExitCode::kHost);
  CHECK(result.reason == "killed by signal 11 (Segmentation fault)");
}

TEST_CASE("an analyzer that succeeds without any output is an error") {
  CHECK(ended(0, "").kind == CheckResult::Kind::kError);
  CHECK(ended(0, "").reason == "the output is not KTAP: it does not begin with 'KTAP version 1'");
}

TEST_CASE("an exit status that its KTAP contradicts is an error") {
  CHECK(ended(0, kFailed).kind == CheckResult::Kind::kError);
  CHECK(ended(1, kPassed).kind == CheckResult::Kind::kError);
  CHECK(ended(0, kSkipped).kind == CheckResult::Kind::kError);
}

TEST_CASE("an assertion that cannot use the tape says so with exit status 3") {
  CHECK(ended(3, "").code == ExitCode::kBadInput);
  CHECK(ended(2, "").code == ExitCode::kHost);
}

TEST_CASE("result lines carry the directives of KTAP") {
  CHECK(result_line(1, "a", ended(0, kPassed)) == "ok 1 a\n");
  CHECK(result_line(2, "a", ended(1, kFailed)) == "not ok 2 a\n");
  CHECK(result_line(3, "a", ended(77, kSkipped)) == "ok 3 a # SKIP inconclusive: no tag\n");
  CHECK(result_line(4, "a", ended(0, "")) ==
        "not ok 4 a # ERROR the output is not KTAP: it does not begin with 'KTAP version 1'\n");
}

TEST_CASE("neither a name nor a reason can pass for a directive") {
  CHECK(result_line(1, "x # SKIP", ended(1, kFailed)) == "not ok 1 x \\x23 SKIP\n");
  const auto violated = [](const std::string& why) {
    return result_line(1, "x", {CheckResult::Kind::kViolated, ExitCode::kViolated, why});
  };
  CHECK(violated("TODO later") == "not ok 1 x # violated, TODO later\n");
  CHECK(violated("skipped # SKIP {") == "not ok 1 x # violated, skipped \\x23 SKIP \\x7b\n");
  CHECK(violated("a # SKIP") == "not ok 1 x # a \\x23 SKIP\n");
}

TEST_CASE("an expected failure is ok, and an unexpected pass is not") {
  const CheckResult xfail{CheckResult::Kind::kXfail, ExitCode::kGood, "seq 5: x"};
  const CheckResult xpass{CheckResult::Kind::kXpass, ExitCode::kViolated, "passed, but"};
  CHECK(result_line(1, "a", xfail) == "ok 1 a # XFAIL seq 5: x\n");
  CHECK(result_line(2, "b", xpass) == "not ok 2 b # XPASS passed, but\n");
  CheckSummary summary;
  summary.add("a", xfail);
  CHECK(summary.code() == ExitCode::kGood);
  summary.add("b", xpass);
  CHECK(summary.code() == ExitCode::kViolated);
  CHECK(summary.text() ==
        "# 0 of 2 assertions passed; passed, but expected to fail: b; failed as expected: a\n"
        "# losses: none\n# Totals: pass:0 fail:0 xfail:1 xpass:1 skip:0 error:0\n");
}

TEST_CASE("the summary names what did not pass and takes the worst exit status") {
  CheckSummary summary;
  summary.add("a", ended(0, kPassed));
  CHECK(summary.text() ==
        "# 1 of 1 assertions passed\n# losses: none\n# Totals: pass:1 fail:0 xfail:0 xpass:0 "
        "skip:0 error:0\n");
  CHECK(summary.code() == ExitCode::kGood);
  summary.add("b", ended(77, kSkipped));
  CHECK(summary.code() == ExitCode::kInconclusive);
  summary.add("c", ended(1, kFailed));
  CHECK(summary.code() == ExitCode::kViolated);
  summary.add("d", ended(0, ""));
  CHECK(summary.code() == ExitCode::kHost);
  CHECK(summary.text() ==
        "# 1 of 4 assertions passed; violated: c; inconclusive: b; error: d\n"
        "# losses: none\n"
        "# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:1\n");
}

TEST_CASE("an assertion that was stopped is an error, whatever it printed") {
  ChildResult child{-1, SIGKILL, kPassed, "", "did not end within 100 ms"};
  CHECK(result_of_child(child).kind == CheckResult::Kind::kError);
  CHECK(result_of_child(child).reason == "did not end within 100 ms");
}

TEST_CASE(
    "an analyzer that lacks arguments was not asked if it says so, otherwise it is an error") {
  CHECK(ended(2, kSkipped).kind == CheckResult::Kind::kNotAsked);
  CHECK(ended(2, kSkipped).code == ExitCode::kGood);
  CHECK(ended(2, kFailed).kind == CheckResult::Kind::kError);
  CHECK(ended(2, "usage: mine\n").reason == "ended with exit status 2");
  CheckSummary summary;
  summary.add("a", ended(0, kPassed));
  summary.add("b", ended(2, kSkipped));
  CHECK(summary.code() == ExitCode::kGood);
  CHECK(summary.text() ==
        "# 1 of 1 assertions passed; not asked: b\n# losses: none\n"
        "# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:1 error:0\n");
  summary.add("b", ended(2, kSkipped));  // for another tape
  CHECK_THAT(summary.text(), Catch::Matchers::ContainsSubstring("not asked: b\n"));
  CHECK_THAT(summary.text(), Catch::Matchers::ContainsSubstring("skip:2"));
  CHECK(required(ended(2, kSkipped)).kind == CheckResult::Kind::kViolated);
  CheckSummary nothing;
  nothing.add("b", ended(2, kSkipped));
  CHECK(nothing.code() == ExitCode::kInconclusive);  // nothing was decided
}

TEST_CASE("an assertion that is required is violated where it would be inconclusive") {
  CheckResult open = required(ended(77, kSkipped));
  CHECK(open.kind == CheckResult::Kind::kViolated);
  CHECK(result_line(1, "a", open) == "not ok 1 a # required, but inconclusive: no tag\n");
  CHECK(required(ended(0, kPassed)).kind == CheckResult::Kind::kPassed);
  CHECK(required(ended(0, "")).kind == CheckResult::Kind::kError);
}

TEST_CASE("a violated result cites the first thing that violates it") {
  CheckResult result =
      ended(1, "KTAP version 1\n1..1\n# seq 3: fine\n# violated, seq 5: 'x' is 0\nnot ok 1 a\n");
  CHECK(result_line(1, "a", result) == "not ok 1 a # seq 5: 'x' is 0\n");
}

TEST_CASE("the summary names the tapes whose recorder lost something, or did not say") {
  CheckSummary summary;
  summary.add_losses("a", "");
  summary.add_losses("b", "17 console_bytes");
  CHECK(summary.text() ==
        "# 0 of 0 assertions passed\n# losses: b (17 console_bytes)\n"
        "# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:0 error:0\n");
}

TEST_CASE("a summary of very many names shows the first of them") {
  CheckSummary summary;
  for (int i = 0; i < 25; ++i) summary.add("t" + std::to_string(i), ended(1, kFailed));
  CHECK(summary.text().starts_with("# 0 of 25 assertions passed; violated: t0, t1, "));
  CHECK(summary.text().find("t19 and 5 more\n") != std::string::npos);
}

}  // namespace ktape::test
