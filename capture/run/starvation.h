// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "capture/freeze/request_server.h"
#include "schema/base/result.h"

namespace ktape {

// Freezes a machine whose agent is silent at a deadline, so that the tape has what went on then.
// Tells of an agent that could run and does not, or is blocked in the kernel, with what has the
// CPUs: "the agent has not been heard for 6 s and is starved: CPU 0 runs rthog[124] (fifo 99),
// ..."; empty where it is silent for another reason, or the kernel is not known. Fails for what
// ends a run.
[[nodiscard]] Result<std::string> freeze_for_silence(RequestServer& server,
                                                     std::chrono::nanoseconds silent);

}  // namespace ktape
