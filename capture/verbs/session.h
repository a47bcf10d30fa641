// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "capture/io/progress.h"
#include "capture/packing/guest_pack.h"
#include "capture/run/engine.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/scenario/machine.h"
#include "schema/tape/writing/writer.h"

namespace ktape {

// The options of `ktape capture`.
struct CaptureOptions {
  std::string scenario;     // a file, or the name of a scenario shipped with ktape
  std::string output;       // empty: SCENARIO-NAME.ktape in the current folder
  std::string kernel;       // see find_kernel
  MachineOverride machine;  // overrides the scenario's machine
  GuestPackOptions guest;   // the guest's scheduler and files
  Accelerator accelerator = Accelerator::kAuto;
  bool tcg_single_thread = false;
  bool kaslr = true;  // false: boot the unpacked vmlinux
  bool fast_boot = false;
  schema::MemoryMode memory = schema::MemoryMode::SCHED;  // what is kept at each freeze
  std::string extra_arguments;  // appended to the guest kernel's command line
  std::string qemu_program = "qemu-system-x86_64";
  std::vector<std::string> freeze_on;         // see plan_triggers
  std::chrono::milliseconds freeze_every{0};  // 0: never
  bool fail_on_eject = false;                 // exit with an error if a scheduler was ejected
  uint64_t max_tape_bytes = Recorder::kMaxTapeBytes;
  bool operator==(const CaptureOptions&) const = default;
};

struct CaptureResult {
  RunEnd end;
  SealedTape tape;
};

// Runs one capture, from reading the scenario to sealing the tape. Everything that can be refused
// is refused before a machine is started; no file is left then. Once a machine runs there is always
// a tape. A later error names the `.partial` file with what was recorded.
[[nodiscard]] Result<CaptureResult> capture(const CaptureOptions& options, Progress& progress,
                                            const UserSignals& signals);

}  // namespace ktape
