// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ktape::test {

// Finds all that a program left running: a mark in its environment is inherited by its children.
class LeftProcesses {
 public:
  LeftProcesses();

  // "NAME=VALUE", for the program's environment.
  [[nodiscard]] std::string assignment() const { return mark_; }

  // Live processes that have the mark.
  [[nodiscard]] std::vector<pid_t> processes() const;

  // True once there is none any more. A killed process takes a moment to vanish, so this waits for
  // a while.
  [[nodiscard]] bool all_gone() const;

 private:
  std::string mark_;
};

}  // namespace ktape::test
