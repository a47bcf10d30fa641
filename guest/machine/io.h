// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// Polls until a descriptor has something (true) or `deadline` has passed (false); goes on after
// signals. Entries with a negative descriptor are ignored, as poll() does.
[[nodiscard]] Result<bool> poll_until(std::span<pollfd> fds,
                                      std::chrono::steady_clock::time_point deadline);

// Both ends of a stream socket, close-on-exec; `ours` does not block.
struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
[[nodiscard]] Result<SocketPair> socket_pair();

// What one read gave. Neither bytes nor end: nothing there for now.
struct ReadResult {
  std::vector<std::byte> bytes;
  bool ended = false;  // the other side is gone
};
// Reads up to `limit_bytes` from a descriptor that does not block.
[[nodiscard]] Result<ReadResult> read_some(int fd, size_t limit_bytes);

// Writes what fits into a descriptor that does not block, and tells how much that was. A side that
// is gone is kMachineLost.
[[nodiscard]] Result<size_t> write_some(int fd, std::span<const std::byte> bytes);

// Writes everything to a descriptor that does not block, waiting for room until `deadline`.
// kMachineLost when the other side is gone or takes nothing for that long.
[[nodiscard]] Result<void> write_all(int fd, std::span<const std::byte> bytes,
                                     std::chrono::steady_clock::time_point deadline);

}  // namespace ktape
