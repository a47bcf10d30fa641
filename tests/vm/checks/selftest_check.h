// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ktape::test {

// The expected result of a scheduler that one of the kernel's own tests of sched_ext asks the
// kernel to enable.
enum class Enabling {
  kSucceeds,
  kFails,
  kEither,  // the test ends the scheduler while it is being enabled
};

struct ExpectedScheduler {
  std::string_view name;
  Enabling enabling = Enabling::kSucceeds;
  uint64_t kind = 0;  // of its exit
  int64_t code = 0;
  std::string_view message;  // a part of it
  bool partial = false;
  bool watched_closely = false;  // its stall timeout is 1 s: a slow host makes the kernel eject it
};

struct ExpectedTest {
  std::string_view name;
  std::vector<ExpectedScheduler> schedulers;  // in the order of their attempts
  bool again_and_again = false;               // any number of times, at least once
  bool skipped = false;
};

// In the order in which the runner runs them. `series`: of the kernel source of the tests, "6.12"
// or "7.3". Read from their sources, for the kernels with programs in tools/kernels.list and for 3
// CPUs.
[[nodiscard]] std::vector<ExpectedTest> expected_selftests(std::string_view series);

// A scheduler on a tape.
struct TapeScheduler {
  std::string name;
  bool enabled = false;
  bool partial = false;
  bool exited = false;
  uint64_t kind = 0;
  int64_t code = 0;
  std::string reason, message;
};

// The facts of a run of the tests on its tape.
struct SelftestRun {
  std::vector<TapeScheduler> schedulers;  // in the order of their attempts
  uint64_t enable_seq = 0;  // the kernel's own count of successes, read from its memory
  std::string output;       // of the runner
  std::string console;
};

struct SelftestFindings {
  std::vector<std::string> wrong;  // sentences; each fails the test
  // What the kernel did because the host is slow: ejections by its watchdog.
  std::vector<std::string> slow;
};

// Compares the tape's schedulers with the kernel's count, with its console output, and, test by
// test, with the expectation; and the runner's own results with the expectation.
[[nodiscard]] SelftestFindings check_selftests(const SelftestRun& run,
                                               const std::vector<ExpectedTest>& expected);

}  // namespace ktape::test
