// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "guest/kernel/kernel.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"

namespace ktape {

// Reads the name of a kernel's current clocksource (kernel/time/clocksource.c, curr_clocksource).
// Resolves names once, when created. Also works on the memory of a running machine: the pointer is
// one aligned word, and clocksources do not move.
class ClocksourceReader {
 public:
  // kNotFound names what this kernel lacks. `kernel` outlives the reader.
  [[nodiscard]] static Result<ClocksourceReader> create(const Kernel& kernel);

  // "kvm-clock", "tsc"; unmodified, cut at 64 bytes. Errors are those of memory; kNotFound if the
  // kernel has not selected one yet.
  [[nodiscard]] Result<std::string> read(const GuestMemory& memory) const;

 private:
  ClocksourceReader(const Kernel& kernel, GuestVirtual current)
      : kernel_(&kernel), current_(current) {}

  const Kernel* kernel_;
  GuestVirtual current_;  // the variable that points to the clocksource
  FieldInfo name_;
};

// How long a CPU or RCU may be locked up before the kernel reports it. 0: the kernel does not watch
// for it, or the threshold cannot be read.
struct LockupThresholds {
  uint64_t soft_lockup_ms = 0;
  uint64_t rcu_stall_ms = 0;
};

// Reads the variables behind kernel.watchdog_thresh and rcupdate.rcu_cpu_stall_timeout from the
// memory of a running machine.
[[nodiscard]] LockupThresholds read_lockup_thresholds(const Kernel& kernel,
                                                      const GuestMemory& memory);

}  // namespace ktape
