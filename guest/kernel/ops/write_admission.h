// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/lap_timer.h"
#include "guest/kernel/ops/served_op.h"
#include "guest/memory/guest_memory.h"

namespace ktape {

// Evaluates the gates of the task that an op targets, if it targets one.
void observe_task(const GateChecker& gates, const GuestMemory& memory, const PreparedOp& prepared,
                  bool write, ServedOp& served);

// Evaluates the gates for the tasks of a batch of writes, as far as they can be reached, before
// anything is written. False: nothing may be written. In that case the first write refused
// permanently, or else the first write refused, is marked as refused and the others as not reached;
// `served.may_pass` says whether another try may succeed.
[[nodiscard]] bool admit_writes(const GateChecker& gates, const GuestMemory& memory,
                                const std::vector<PreparedOp>& prepared, ServedOps& served,
                                LapTimer& timer);

}  // namespace ktape
