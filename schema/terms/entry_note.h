// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ktape {

// What EntryReply.note says about the lock (struct scx_dispatch_q.lock) that protects a value read
// in a freeze: for a value in a dispatch queue always, for a task's own place in one only if the
// lock was held. The note may say more.
inline constexpr std::string_view kDsqLockFree = "the lock of its DSQ was free";
inline constexpr std::string_view kDsqLockHeld = "the lock of its DSQ was held";

}  // namespace ktape
