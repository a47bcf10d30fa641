// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/protection.h"
#include "guest/kernel/sched/evidence.h"

namespace ktape {

// Who may hold those of `locks` that are not free, and who waits for them. Who holds a qspinlock is
// written nowhere: it is inferred to be one of the CPUs that are in the kernel with interrupts off,
// as the holder of a runqueue lock or a pi_lock is. The last of those that wait for it stands in
// its word, and is observed; so is that one more is about to get it, but not which. Needs no
// memory.
[[nodiscard]] std::vector<LockUser> lock_users(const Kernel& kernel,
                                               const std::vector<ProtectorSeen>& locks,
                                               const StopMoment& moment);

// The same for people: "runqueue lock of CPU 1: may be held by CPU 0 at ... (inferred: ...)".
[[nodiscard]] std::string lock_users_text(const std::vector<LockUser>& users);

}  // namespace ktape
