// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "replay/child.h"
#include "tests/vm/tape_facts.h"

namespace ktape::test {

// Runs one of ktape's programs, of the build that this test belongs to.
[[nodiscard]] ChildResult run_built(const std::string& program, const std::vector<std::string>& arguments);

// The folder of the kernel's own example schedulers for a kernel, where tools/scx-examples builds them; skips
// the test case when they are not there.
[[nodiscard]] std::string example_schedulers(const std::string& kernel);

struct Captured {
  ChildResult program;
  std::string tape;
  TapeFacts facts;
};

// Runs `ktape-capture` on a scenario with a kernel from the cache and reads what it recorded. Skips
// the test case when the kernel is not cached. The tape stays where it is when the test case fails,
// and the command that opens it is printed.
class CaptureFixture {
 public:
  CaptureFixture();

  // `scenario`: the name of one that ships, or of a file in tests/scenarios.
  // Set: when `ktape-capture` says something with this text, it is sent SIGUSR1, once.
  std::string signal_at;

  Captured capture(const std::string& scenario, const std::string& kernel,
                   const std::vector<std::string>& more = {});
  // The same for the text of one.
  Captured capture_text(const std::string& name, const std::string& text, const std::string& kernel,
                        const std::vector<std::string>& more = {});

 private:
  Captured run(const std::string& name, const std::string& scenario_file, const std::string& kernel,
               const std::vector<std::string>& more);
  [[nodiscard]] std::string write_scenario(const std::string& name, const std::string& text) const;

  std::string folder_;
};

}  // namespace ktape::test
