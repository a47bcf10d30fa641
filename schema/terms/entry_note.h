// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ktape {

// What EntryReply.note says of the lock (struct scx_dispatch_q.lock) that protects a value read in
// a freeze: of a value in a dispatch queue always, of a task's own place in one only where the lock
// was held. The note may say more beside it.
inline constexpr std::string_view kDsqLockFree = "the lock of its DSQ was free";
inline constexpr std::string_view kDsqLockHeld = "the lock of its DSQ was held";

}  // namespace ktape
