// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdio>

#include "tests/support/kernel/stock_kernel.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr uint64_t kThirtyDaysNs = uint64_t{30} * 24 * 3600 * 1'000'000'000;

// The vtime that a worker has while it is outside sched_ext and when it is back.
void check_vtime(const Captured& captured, uint64_t outside) {
  INFO(captured.tape << "\n" << captured.program.output);
  REQUIRE(captured.program.exit_status == 0);
  const auto& entries = captured.facts.entries;
  CHECK(entries.at("vtime_before").value == kThirtyDaysNs);
  CHECK(entries.at("policy_before").value == 7);  // SCHED_EXT
  CHECK(entries.at("vtime_while_normal").value == outside);
  CHECK(entries.at("policy_while_normal").value == 0);
  CHECK(entries.at("vtime_after").value == outside);
  CHECK(entries.at("policy_after").value == 7);
}

}  // namespace

TEST_CASE_METHOD(
    CaptureFixture,
    "a task keeps its vtime outside sched_ext on 6.16, not on 7.3, and diff reports it") {
  Captured kept = capture_or_golden("vtime_across_policies", "6.16");
  check_vtime(kept, kThirtyDaysNs);
  Captured cleared = capture_or_golden("vtime_across_policies", "7.3");
  check_vtime(cleared, 0);

  ChildResult diff = run_built("ktape-diff", {kept.tape, cleared.tape});
  CHECK(diff.exit_status == 1);
  CHECK_THAT(
      diff.output,
      ContainsSubstring("\nVALUE CHANGED\n"
                        "  step 2 'normal', vtime_while_normal: task 'wanderer' scx.dsq_vtime\n"
                        "    A  2592000000000000"));
  CHECK_THAT(diff.output,
             ContainsSubstring("step 3 'back', vtime_after: task 'wanderer' scx.dsq_vtime\n"));
  CHECK_THAT(diff.output, ContainsSubstring("\nLAYOUT CHANGED\n"));
  CHECK_THAT(diff.output, ContainsSubstring("  struct task_struct scx.dsq_vtime "));
}

TEST_CASE_METHOD(CaptureFixture,
                 "two runs of one scenario on one kernel have no difference that matters") {
  Captured first = capture("vtime_across_policies", "6.19");
  if (!is_gone("6.19")) check_vtime(first, kThirtyDaysNs);
  std::string kept = first.tape + ".first";
  REQUIRE(std::rename(first.tape.c_str(), kept.c_str()) == 0);
  Captured second = capture("vtime_across_policies", "6.19");
  ChildResult diff = run_built("ktape-diff", {kept, second.tape, "--all"});
  INFO(diff.output);
  CHECK(diff.exit_status == 0);
}

}  // namespace ktape::test
