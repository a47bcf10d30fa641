// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Matches;

// Of two workers that may run on CPU 1 only, one waits at least, in the built-in scheduler's DSQ,
// number 0.
TEST_CASE_METHOD(
    CaptureFixture,
    "a report of a stall says who waited, in which DSQ, since when, where it may run, and what "
    "each CPU ran") {
  const Captured captured = capture("stall", "6.16");
  INFO(captured.program.output);
  const ChildResult report = run_built("ktape-report", {"--text", captured.tape});
  INFO(report.output);
  CHECK(report.exit_status == 0);
  std::string text = report.output;
  std::ranges::replace(text, '\n', '~');  // '.' of a regular expression matches no line end
  CHECK_THAT(text, ContainsSubstring("ejected, SCX_EXIT_ERROR_STALL (1026)") &&
                       ContainsSubstring("reason   runnable task stall"));
  CHECK_THAT(text, Matches(".*message  (left_alone|beside)\\[[0-9]+\\] failed to run for .*"));
  CHECK_THAT(text, ContainsSubstring("by trigger 'scx-error' on CPU ") &&
                       ContainsSubstring("in step 'stalled'"));
  CHECK_THAT(text, Matches(".*WAITING IN SCHED_EXT: [12] \\(from recorded memory, all tasks\\).*"));
  // The star marks the task that the kernel names.
  CHECK_THAT(text, Matches(".*~\\* (left_alone|beside)\\[[0-9]+\\] +[0-9]+ ms +user 0x0 +1 +1~.*"));
  // The trigger is in the kernel on its own CPU; on the other a worker may run in user space.
  CHECK_THAT(text,
             Matches(".*~  CPU 0   ran [^ ]+\\[[0-9]+\\] \\([^)]+\\) (at [^ ]|in user space).*"
                     "~  CPU 1   ran [^ ]+\\[[0-9]+\\] \\([^)]+\\) (at [^ ]|in user space).*"));
  CHECK_THAT(text, ContainsSubstring("no-scheduler-error is violated"));
  CHECK(text.find("was not done") ==
        std::string::npos);  // the recorder's own reads are no failures
}

}  // namespace ktape::test
