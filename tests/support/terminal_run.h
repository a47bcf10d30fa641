// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ktape::test {

// How a program ended that ran on a terminal of its own, and what it printed there.
struct TerminalRun {
  std::string output;    // with "\n" at line ends
  int exit_status = -1;  // -1: a signal killed it
};

struct TerminalSetting {
  // Over ours, in which nothing speaks of terminals, colours or pagers; TERM is xterm.
  std::map<std::string, std::string> environment;
  std::string folder;  // where it runs; empty: in ours
  unsigned short columns = 100;
  unsigned short rows = 40;
};

// Runs a program on a terminal that takes all of it for standard input, output and error.
[[nodiscard]] TerminalRun run_on_terminal(const std::string& program,
                                          const std::vector<std::string>& arguments,
                                          const TerminalSetting& setting = {});

}  // namespace ktape::test
