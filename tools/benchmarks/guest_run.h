// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "capture/run/engine.h"
#include "guest/kernel/kernel.h"
#include "guest/machine/qemu_machine.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "tools/benchmarks/probe.h"

namespace ktape::bench {

// A guest to measure on.
struct GuestOptions {
  std::string kernel;
  Accelerator accelerator = Accelerator::kAuto;
  uint32_t cpus = 2;
  uint32_t memory_mb = 512;
  bool busy = false;  // a task spins on every vCPU
  schema::MemoryMode memory = schema::MemoryMode::SCHED;
  uint32_t entries = 4;   // of a request
  uint32_t requests = 0;  // that the guest makes in the step "measure"
  std::string scratch;    // an existing folder, for a tape that nobody keeps
};

// What can be reached while a guest runs.
struct Guest {
  QemuMachine& machine;
  std::shared_ptr<const KernelKnowledge> knowledge;
  Probe& probe;
};

// Boots a guest with ktape's own scheduler and a sleeping worker, and runs the engine on it as
// `ktape capture` does. `prepare` is called when the machine has been started; what it is given
// lives until the run is over, and `when_over` may still look at it.
[[nodiscard]] Result<RunEnd> run_guest(const GuestOptions& options,
                                       const std::function<void(Guest&)>& prepare,
                                       const std::function<void(Guest&)>& when_over);

}  // namespace ktape::bench
