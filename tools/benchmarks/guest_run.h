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

// The guest to measure on.
struct GuestOptions {
  std::string kernel;
  Accelerator accelerator = Accelerator::kAuto;
  uint32_t cpus = 2;
  uint32_t memory_mb = 512;
  bool busy = false;  // a task spins on every vCPU
  schema::MemoryMode memory = schema::MemoryMode::SCHED;
  uint32_t entries = 4;   // per request
  uint32_t requests = 0;  // number of requests in the step "measure"
  std::string scratch;    // an existing folder, for a temporary tape
};

// The parts of a running guest.
struct Guest {
  QemuMachine& machine;
  std::shared_ptr<const KernelKnowledge> knowledge;
  Probe& probe;
};

// Boots a guest with ktape's own scheduler and a sleeping worker, and runs the engine on it as
// `ktape capture` does. `prepare` is called once the machine has started; its arguments live until
// the run is over, and `when_over` may still use them.
[[nodiscard]] Result<RunEnd> run_guest(const GuestOptions& options,
                                       const std::function<void(Guest&)>& prepare,
                                       const std::function<void(Guest&)>& when_over);

}  // namespace ktape::bench
