// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/send_queue.h"

#include <fmt/format.h>

namespace ktape {

Result<void> SendQueue::push(std::span<const std::byte> bytes) {
  size_t waiting = bytes_.size() - begin_;
  if (bytes.size() > kMaxBytes - waiting) {
    return Error{
        ErrorCode::kBadInput,
        fmt::format(
            "cannot queue {} bytes for the agent: {} are queued already, the guest does not read",
            bytes.size(), waiting),
        ""};
  }
  // The consumed part is removed here and not in consume(): a push is rare, and consume() is called
  // each time the socket takes a part of a large message.
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(begin_));
  begin_ = 0;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return {};
}

void SendQueue::consume(size_t bytes) {
  KTAPE_CHECK(bytes <= bytes_.size() - begin_);
  begin_ += bytes;
}

}  // namespace ktape
