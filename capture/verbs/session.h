// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "capture/packing/guest_pack.h"
#include "capture/run/engine.h"
#include "capture/run/progress.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/scenario/machine.h"
#include "schema/tape/writing/writer.h"

namespace ktape {

// What the command line of `ktape capture` asks for.
struct CaptureOptions {
  std::string scenario;     // a file, or the name of a scenario that ships
  std::string output;       // empty: SCENARIO-NAME.ktape in the current folder
  std::string kernel;       // see find_kernel
  MachineOverride machine;  // stands in for the scenario's
  GuestPackOptions guest;   // its scheduler and files
  Accelerator accelerator = Accelerator::kAuto;
  bool tcg_single_thread = false;
  bool kaslr = true;  // false: boot the unpacked vmlinux
  bool fast_boot = false;
  schema::MemoryMode memory = schema::MemoryMode::SCHED;  // kept at each freeze
  std::string extra_arguments;  // appended to the guest kernel's command line
  std::string qemu_program = "qemu-system-x86_64";
  std::vector<std::string> freeze_on;         // see plan_triggers
  std::chrono::milliseconds freeze_every{0};  // 0: never
  bool fail_on_eject = false;                 // a run whose scheduler was ejected does not end well
  uint64_t max_tape_bytes = Recorder::kMaxTapeBytes;
  bool operator==(const CaptureOptions&) const = default;
};

struct CaptureResult {
  RunEnd end;
  SealedTape tape;
};

// One capture, from reading the scenario to the sealed tape. Everything that can be refused is
// refused before a machine is started, and then leaves no file. Once a machine runs there is a
// tape, whatever happens; an error after that names the `.partial` that holds what was recorded.
[[nodiscard]] Result<CaptureResult> capture(const CaptureOptions& options, Progress& progress,
                                            const UserSignals& signals);

}  // namespace ktape
