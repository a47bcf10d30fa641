// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape {

struct CommandLineOptions {
  bool fast_boot = false;  // skip parts of the kernel that are slow to boot
  std::string extra;       // appended as given
};

// The guest kernel's command line. The default changes nothing that is under test: mitigations,
// LSMs and watchdogs keep the kernel's defaults, and no part of the kernel is left out.
[[nodiscard]] std::string kernel_command_line(const CommandLineOptions& options);

}  // namespace ktape
