// SPDX-License-Identifier: Apache-2.0
#include "replay/check.h"

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

const std::string kPassed = "KTAP version 1\n1..1\nok 1 a\n";
const std::string kFailed = "KTAP version 1\n1..1\nnot ok 1 a\n";
const std::string kSkipped = "KTAP version 1\n1..1\nok 1 a # SKIP inconclusive: no tag\n";

CheckResult ended(int status, const std::string& output) { return judge_child({status, 0, output}); }

void make_program(const std::string& path, bool executable = true) {
  std::ofstream(path) << "#!/bin/sh\n";
  using std::filesystem::perms;
  std::filesystem::permissions(path, executable ? perms::owner_all : perms::owner_read);
}

}  // namespace

TEST_CASE("an analyzer's exit status and KTAP give its result") {
  CHECK(ended(0, kPassed).kind == CheckResult::Kind::kPassed);
  CHECK(ended(1, kFailed).kind == CheckResult::Kind::kViolated);
  CHECK(ended(77, kSkipped).kind == CheckResult::Kind::kInconclusive);
  CHECK(ended(77, kSkipped).reason == "inconclusive: no tag");
}

TEST_CASE("an analyzer that was killed is an error, whatever it printed") {
  CheckResult result = judge_child({-1, SIGSEGV, kPassed});
  CHECK(result.kind == CheckResult::Kind::kError);
  CHECK(result.code == ExitCode::kHost);
  CHECK(result.reason == "it was killed by signal 11 (Segmentation fault)");
}

TEST_CASE("an analyzer that ends well without saying anything is an error") {
  CHECK(ended(0, "").kind == CheckResult::Kind::kError);
  CHECK(ended(0, "").reason == "its output is not KTAP");
}

TEST_CASE("an exit status that its KTAP contradicts is an error") {
  CHECK(ended(0, kFailed).kind == CheckResult::Kind::kError);
  CHECK(ended(1, kPassed).kind == CheckResult::Kind::kError);
  CHECK(ended(0, kSkipped).kind == CheckResult::Kind::kError);
}

TEST_CASE("an analyzer that cannot use the tape says so with exit status 3") {
  CHECK(ended(3, "").code == ExitCode::kBadInput);
  CHECK(ended(2, "").code == ExitCode::kHost);
}

TEST_CASE("result lines carry the directives of KTAP") {
  CHECK(result_line(1, "a", ended(0, kPassed)) == "ok 1 a\n");
  CHECK(result_line(2, "a", ended(1, kFailed)) == "not ok 2 a\n");
  CHECK(result_line(3, "a", ended(77, kSkipped)) == "ok 3 a # SKIP inconclusive: no tag\n");
  CHECK(result_line(4, "a", ended(0, "")) == "not ok 4 a # ERROR its output is not KTAP\n");
}

TEST_CASE("a name with a hash cannot pass for a directive") {
  CHECK(result_line(1, "x # SKIP", ended(1, kFailed)) == "not ok 1 x \\# SKIP\n");
}

TEST_CASE("the summary names what did not pass and takes the worst exit status") {
  CheckSummary summary;
  summary.add("a", ended(0, kPassed));
  CHECK(summary.text() ==
        "# 1 of 1 assertions passed\n# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0\n");
  CHECK(summary.code() == ExitCode::kGood);
  summary.add("b", ended(77, kSkipped));
  CHECK(summary.code() == ExitCode::kInconclusive);
  summary.add("c", ended(1, kFailed));
  CHECK(summary.code() == ExitCode::kViolated);
  summary.add("d", ended(0, ""));
  CHECK(summary.code() == ExitCode::kHost);
  CHECK(summary.text() ==
        "# 1 of 4 assertions passed; violated: c; inconclusive: b; error: d\n"
        "# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:1\n");
}

TEST_CASE("analyzers are the executable files of that prefix, by name, the earlier folder first") {
  TempDir first, second;
  make_program(first.file("ktape-assert-b"));
  make_program(first.file("ktape-assert-plain-file"), false);
  make_program(second.file("ktape-assert-a"));
  make_program(second.file("ktape-assert-b"));
  make_program(second.file("ktape-show"));
  Analyzers analyzers = must(find_analyzers({first.path(), second.path()}));
  CHECK(analyzers == Analyzers{{"a", second.file("ktape-assert-a")}, {"b", first.file("ktape-assert-b")}});
}

TEST_CASE("a folder that is not there is an error") {
  CHECK(find_analyzers({"/nonexistent"}).error().code == ErrorCode::kHost);
}

TEST_CASE("analyzers are chosen by name, and a misspelt one names the nearest") {
  Analyzers all = {{"run-completed", "/x"}, {"vtime-monotonic", "/y"}};
  CHECK(must(chosen_analyzers(all, {})) == all);
  CHECK(must(chosen_analyzers(all, {"ktape-assert-run-completed"})) == Analyzers{{"run-completed", "/x"}});
  auto wrong = chosen_analyzers(all, {"run-complete"});
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().code == ErrorCode::kUsage);
  CHECK(wrong.error().hint == "did you mean 'run-completed'?");
}

}  // namespace ktape::test
