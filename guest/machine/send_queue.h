// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// Bytes queued for the agent. Bounded, so that a guest that does not read cannot exhaust the host's
// memory.
class SendQueue {
 public:
  static constexpr size_t kMaxBytes = size_t{4} << 20;

  // Queues all bytes or none. kBadInput if the queue would exceed its limit: the guest is at fault,
  // not the host.
  [[nodiscard]] Result<void> push(std::span<const std::byte> bytes);

  [[nodiscard]] bool empty() const { return begin_ == bytes_.size(); }
  // Bytes pushed and not yet consumed, in order. Valid until the next push or consume.
  [[nodiscard]] std::span<const std::byte> pending() const {
    return std::span(bytes_).subspan(begin_);
  }
  // Drops the first `bytes` of `pending()`. Requires that many.
  void consume(size_t bytes);

 private:
  std::vector<std::byte> bytes_;
  size_t begin_ = 0;
};

}  // namespace ktape
