// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "capture/freeze/request_server.h"
#include "schema/base/result.h"

namespace ktape {

// Freezes a machine whose agent is silent at a deadline, to record its state. If the agent is
// runnable but does not run, or is blocked in the kernel, returns that and what the CPUs run: "the
// agent has been silent for 6 s and is starved: CPU 0 runs rthog[124] (fifo 99), ...". Empty if the
// reason is another, or the kernel is not adopted. Fails on errors that end a run.
[[nodiscard]] Result<std::string> freeze_for_silence(RequestServer& server,
                                                     std::chrono::nanoseconds silent);

}  // namespace ktape
