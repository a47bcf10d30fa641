// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/kernel/guest_memory.h"
#include "guest/kernel/kernel.h"
#include "schema/base/units.h"

namespace ktape {

// What a CPU was in the middle of when it stopped, as its kernel's memory says.
struct CpuEvidence {
  bool known = false;          // false: a field or symbol is missing on this kernel
  uint64_t preempt_count = 0;  // its inverted need-resched bit taken out
  Pid current_pid;
  std::string current_comm;
  bool runqueue_locked = false;
};

[[nodiscard]] std::vector<CpuEvidence> cpu_evidence(const Kernel& kernel, const GuestMemory& memory);

// scx_bypass_depth; -1 where the kernel has none.
[[nodiscard]] int64_t scx_bypass_depth(const Kernel& kernel, const GuestMemory& memory);

}  // namespace ktape
