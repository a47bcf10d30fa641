// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/lap_timer.h"
#include "guest/kernel/ops/served_op.h"
#include "guest/memory/guest_memory.h"

namespace ktape {

// Has the gates look at the task of an op that has one for its target.
void look_at_task(const GateChecker& gates, const GuestMemory& memory, const PreparedOp& prepared,
                  bool write, ServedOp& served);

// Has them look at the tasks of a batch of writes, all that can be reached, before anything is
// written. False: nothing may be. Then the first that is refused for good, else the first that is
// refused, is; the others are not reached; and `served.may_pass` says whether another try may do
// better.
[[nodiscard]] bool admit_writes(const GateChecker& gates, const GuestMemory& memory,
                                const PreparedOps& prepared, ServedOps& served, LapTimer& timer);

}  // namespace ktape
