// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "capture/record/recorder.h"
#include "guest/kernel/guest_clock.h"
#include "guest/kernel/kernel.h"
#include "schema/base/result.h"

namespace ktape {

// Records which kernel runs: what its image says, what its memory says, and how long adoption took.
// Fails only if the tape cannot be written.
Result<void> record_kernel(const KernelKnowledge& knowledge, const Kernel& kernel,
                           const LockupThresholds& lockups, std::chrono::nanoseconds took,
                           Recorder& recorder);

}  // namespace ktape
