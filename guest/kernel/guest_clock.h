// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"

namespace ktape {

// Reads what a kernel takes its time from: the name of its current clocksource
// (kernel/time/clocksource.c, curr_clocksource). Names are resolved once, when it is made. Works on
// the memory of a running machine as well: the pointer is one aligned word, and clocksources stay
// where they are.
class ClocksourceReader {
 public:
  // kNotFound names what this kernel lacks. `kernel` outlives the reader.
  [[nodiscard]] static Result<ClocksourceReader> create(const Kernel& kernel);

  // "kvm-clock", "tsc"; as it comes, cut at 64 bytes. Errors are those of memory; kNotFound while
  // the kernel has chosen none yet.
  [[nodiscard]] Result<std::string> read(const GuestMemory& memory) const;

  [[nodiscard]] std::vector<UsedLayout> take_used_layouts() { return log_->take(); }

 private:
  ClocksourceReader(const Kernel& kernel, GuestVirtual current, std::unique_ptr<LayoutLog> log)
      : kernel_(&kernel), current_(current), log_(std::move(log)) {}

  const Kernel* kernel_;
  GuestVirtual current_;  // the variable that points to the clocksource
  FieldInfo name_;
  std::unique_ptr<LayoutLog> log_;
};

// How long a CPU, or RCU, may be locked up until the kernel tells. 0: it does not watch, or this
// kernel does not say.
struct LockupThresholds {
  uint64_t soft_lockup_ms = 0;
  uint64_t rcu_stall_ms = 0;
};

// From the variables behind kernel.watchdog_thresh and rcupdate.rcu_cpu_stall_timeout, in the
// memory of a running machine.
[[nodiscard]] LockupThresholds read_lockup_thresholds(const Kernel& kernel,
                                                      const GuestMemory& memory);

}  // namespace ktape
