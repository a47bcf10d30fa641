// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape {

struct CommandLineOptions {
  bool fast_boot = false;  // leave out parts of the kernel that cost boot time
  std::string extra;       // appended as given
};

// The guest kernel's command line. The default changes nothing that is tested: mitigations, LSMs
// and watchdogs stay as the kernel has them, and no part of it is left out.
[[nodiscard]] std::string kernel_command_line(const CommandLineOptions& options);

}  // namespace ktape
