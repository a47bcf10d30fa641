// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "replay/check/child.h"
#include "tests/vm/checks/tape_facts.h"

namespace ktape::test {

// Runs one of ktape's programs, of the build that this test belongs to.
[[nodiscard]] ChildResult run_built(const std::string& program,
                                    const std::vector<std::string>& arguments);

// The folder of programs of the kernel's own tree, built for the kernel that stands for a series:
// "schedulers" by tools/scx-examples, "selftests" by tools/scx-selftests. Skips the test case when
// they are not there.
[[nodiscard]] std::string kernel_programs(const std::string& kind, const std::string& series);
// The first of them.
[[nodiscard]] std::string example_schedulers(const std::string& series);

struct Captured {
  ChildResult program;
  std::string tape;
  TapeFacts facts;
};

// Runs `ktape-capture` on a scenario with the kernel that stands for a series
// (tests/support/kernel/stock_kernel.h), and reads what it recorded. Skips the test case when that
// kernel is not cached. The tape stays where it is when the test case fails, and the command that
// opens it is printed.
class CaptureFixture {
 public:
  CaptureFixture();

  // `scenario`: the name of one that ships, or of a file in tests/scenarios.
  // Set: when `ktape-capture` says something with this text, it is sent SIGUSR1, once.
  std::string signal_at;

  Captured capture(const std::string& scenario, const std::string& series,
                   const std::vector<std::string>& more = {});
  // The same of what is true of the series alone: where another series stands in for it, the golden
  // tape of the scenario stands for the capture.
  Captured capture_or_golden(const std::string& scenario, const std::string& series);
  // As `capture`, for the text of a scenario.
  Captured capture_text(const std::string& name, const std::string& text, const std::string& series,
                        const std::vector<std::string>& more = {});

 private:
  Captured run(const std::string& name, const std::string& scenario_file, const std::string& series,
               const std::vector<std::string>& more);
  [[nodiscard]] std::string write_scenario(const std::string& name, const std::string& text) const;

  std::string folder_;
};

}  // namespace ktape::test
