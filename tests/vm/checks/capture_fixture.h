// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/child.h"
#include "tests/vm/checks/tape_facts.h"

namespace ktape::test {

// Runs one of ktape's programs, from the build of this test.
[[nodiscard]] ChildResult run_built(const std::string& program,
                                    const std::vector<std::string>& arguments);

// The folder of programs from the kernel's own tree, built for the kernel that is used for a
// series: "schedulers" by tools/scx-examples, "selftests" by tools/scx-selftests. Skips the test
// case if they are missing.
[[nodiscard]] std::string kernel_programs(const std::string& kind, const std::string& series);
// The first of them.
[[nodiscard]] std::string example_schedulers(const std::string& series);

struct Captured {
  ChildResult program;
  std::string tape;
  TapeFacts facts;
};

// Runs `ktape-capture` on a scenario with the kernel that is used for a series
// (tests/support/kernel/stock_kernel.h), and reads what it recorded. Skips the test case if that
// kernel is not cached. If the test case fails, the tape stays where it is, and the command that
// opens it is printed.
class CaptureFixture {
 public:
  CaptureFixture();

  // `scenario`: the name of a shipped one, or of a file in tests/scenarios.
  // If set: when `ktape-capture` prints this text, it is sent SIGUSR1, once.
  std::string signal_at;

  Captured capture(const std::string& scenario, const std::string& series,
                   const std::vector<std::string>& more = {});
  // The same for facts about the series alone: if another series replaces it, the golden tape of
  // the scenario replaces the capture.
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
