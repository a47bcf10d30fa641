// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape {

struct CommandLineOptions {
  bool fast_boot = false;  // leave out what costs boot time, though it changes the kernel under test
  std::string extra;       // appended as given
};

// The guest kernel's command line. The default changes nothing that is tested: mitigations, LSMs and
// watchdogs stay as the kernel has them.
[[nodiscard]] std::string kernel_command_line(const CommandLineOptions& options);

}  // namespace ktape
