// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <sstream>

#include "schema/base/child.h"
#include "schema/base/file.h"
#include "tests/golden/run_program.h"
#include "tests/support/agreed_text.h"
#include "tests/support/must.h"

// What ktape reports about runs on real kernels, from their golden tapes alone: a scheduler that
// stalled, a value that differs by kernel, and an assertion newer than the tapes.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

const std::string kGolden = KTAPE_GOLDEN "/";

std::string golden_text(const std::string& name) {
  return must(read_text_file(kGolden + name, 1 << 20));
}

// The output without the folder of the tapes.
std::string without_folder(std::string text) {
  for (size_t at = text.find(kGolden); at != std::string::npos; at = text.find(kGolden)) {
    text.erase(at, kGolden.size());
  }
  return text;
}

}  // namespace

TEST_CASE(
    "a stall is reported from its tape alone as in the golden file, in 60 lines of 75 columns") {
  const std::string name = "scheduler_stall-" + GENERATE(as<std::string>{}, "6.16.12", "7.3.4");
  CAPTURE(name);
  const ChildResult report = run_program("ktape-report", {"--text", kGolden + name + ".ktape"});
  CHECK(report.exit_status == 0);
  CHECK(report.output == agreed_text(kGolden + name + ".report.txt", report.output));
  std::istringstream lines(report.output);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) CHECK(line.size() <= 75);
  CHECK(count <= 60);
}

TEST_CASE("the report of a stall has the kernel's own message, found in its memory") {
  const std::string kernel = GENERATE(as<std::string>{}, "6.16.12", "7.3.4");
  CAPTURE(kernel);
  const std::string text = golden_text("scheduler_stall-" + kernel + ".report.txt");
  // Who, and since when: the kernel's message names the same task and the same time as memory does.
  const std::string waited = kernel == "7.3.4" ? "3052" : "3120";
  const std::string task = kernel == "7.3.4" ? "beside[103]" : "beside[147]";
  CHECK_THAT(text, ContainsSubstring("message  " + task + " failed to run for 3." +
                                     waited.substr(1) + "s\n"));
  CHECK_THAT(text,
             ContainsSubstring("* " + task + "                 " + waited + " ms  user 0x0 "));
  CHECK_THAT(text,
             ContainsSubstring("  CPU 0   ran kworker/u8:") && ContainsSubstring("  CPU 1   ran "));
}

TEST_CASE("the runs whose outcome differs by kernel are compared as in the golden file") {
  const std::string older = GENERATE(as<std::string>{}, "6.16.12", "6.19.14");
  CAPTURE(older);
  const std::string run = "vtime_across_policies-";
  const ChildResult diff =
      run_program("ktape-diff", {kGolden + run + older + ".ktape", kGolden + run + "7.3.4.ktape"});
  CHECK(diff.exit_status == 1);
  const std::string text = without_folder(diff.output);
  CHECK(text == agreed_text(kGolden + run + older + "-7.3.4.diff.txt", text));
}

TEST_CASE("6.16 and 6.19 differ in layouts, and in no value that was read") {
  const std::string run = kGolden + "vtime_across_policies-";
  const ChildResult diff =
      run_program("ktape-diff", {run + "6.16.12.ktape", run + "6.19.14.ktape"});
  CHECK(diff.exit_status == 1);
  CHECK_THAT(diff.output, ContainsSubstring("\nLAYOUT CHANGED\n"));
  CHECK_THAT(diff.output, ContainsSubstring("  struct task_struct scx.dsq_vtime "));
  CHECK_THAT(diff.output,
             !ContainsSubstring("\nVALUE CHANGED\n") && !ContainsSubstring("\nVERDICT CHANGED\n"));
}

// It walks each CPU's list of runnable tasks, which no capture read.
TEST_CASE("an assertion newer than a golden tape judges it by memory that its capture never read") {
  const auto evaluated = [](const std::string& tape) {
    return must(run_child("/usr/bin/env",
                          {"PATH=" KTAPE_BIN ":/usr/bin:/bin", "ktape-check", kGolden + tape,
                           "--analyzers", kGolden + "newer", "--only", "nobody-waits"},
                          1 << 20));
  };
  const ChildResult stalled = evaluated("scheduler_stall-6.16.12.ktape");
  INFO(stalled.output);
  CHECK(stalled.exit_status == 1);
  CHECK_THAT(stalled.output, ContainsSubstring("# seq 94: CPU 1: 'beside', 'left_alone' wait\n"));
  const ChildResult asleep = evaluated("cold_path_roundtrip-6.16.12.ktape");
  INFO(asleep.output);
  CHECK(asleep.exit_status == 0);
  CHECK_THAT(asleep.output, ContainsSubstring("ok 1 nobody-waits\n"));
}

}  // namespace ktape::test
