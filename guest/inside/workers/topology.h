// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "guest/inside/base/facts.h"
#include "schema/base/result.h"

namespace ktape {

// The machine as the kernel sees it: "cpus" (those online), "memoryBytes" (its RAM) and "memoryEnd"
// (the address after the last byte of RAM); "sockets", "cores", "llcs" and "numaNodes" as the CPU
// list of each, ordered by first CPU and separated by spaces ("0-3 4-7"). `sys` and `proc` are the
// mount points of those file systems. What the kernel does not report is left out.
[[nodiscard]] Result<Facts> read_topology(const std::string& sys, const std::string& proc);

// The RAM listed in the text of /proc/iomem.
struct SystemRam {
  uint64_t bytes = 0;
  uint64_t end = 0;  // the address after its last byte
};
[[nodiscard]] Result<SystemRam> parse_system_ram(std::string_view iomem);

}  // namespace ktape
