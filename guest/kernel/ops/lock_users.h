// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/protection.h"
#include "guest/kernel/sched/evidence.h"

namespace ktape {

// Who may hold those of `locks` that are not free, and who waits for them. A qspinlock does not
// record its holder. It is inferred to be one of the CPUs that are in the kernel with interrupts
// off, as the holder of a runqueue lock or pi_lock must be. The last waiter in the queue is in the
// lock word, and is observed; so is that a pending CPU will get it next, but not which one. Needs
// no memory. One lock's users are adjacent, holders first, in the order of `locks`. A holder or
// waiter without a CPU (-1): there is one, but which is unknown.
[[nodiscard]] std::vector<LockUser> lock_users(const Kernel& kernel,
                                               const std::vector<ProtectorSeen>& locks,
                                               const StopMoment& moment);

// The same as text: "runqueue lock of CPU 1: may be held by CPU 0 at ... (inferred: ...)".
[[nodiscard]] std::string lock_users_text(const std::vector<LockUser>& users);

}  // namespace ktape
