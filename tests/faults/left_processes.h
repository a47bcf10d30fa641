// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ktape::test {

// Finds whatever a program left running: its environment has a mark, which its children inherit.
class LeftProcesses {
 public:
  LeftProcesses();

  // "NAME=VALUE", for the program's environment.
  [[nodiscard]] std::string assignment() const { return mark_; }

  // Processes that have the mark and are alive.
  [[nodiscard]] std::vector<pid_t> processes() const;

  // True when there is none any more. A killed process takes a moment to be gone, so this waits,
  // for a while.
  [[nodiscard]] bool all_gone() const;

 private:
  std::string mark_;
};

}  // namespace ktape::test
