// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "guest/inside/facts.h"
#include "schema/base/result.h"

namespace ktape {

// How the kernel sees its machine: "cpus" (those online) and "memoryBytes" (its RAM, and
// "memoryEnd", the address after the last of it); "sockets", "cores", "llcs" and "numaNodes" as the
// CPU lists of each, in the order of their first CPU, separated by spaces ("0-3 4-7"). `sys` and
// `proc` are where those file systems are. What the kernel does not say is left out.
[[nodiscard]] Result<Facts> read_topology(const std::string& sys, const std::string& proc);

// RAM in the text of /proc/iomem.
struct SystemRam {
  uint64_t bytes = 0;
  uint64_t end = 0;  // the address after its last byte
};
[[nodiscard]] Result<SystemRam> parse_system_ram(std::string_view iomem);

}  // namespace ktape
