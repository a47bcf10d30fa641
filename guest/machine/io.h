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

// Polls until a descriptor is ready (true) or `deadline` has passed (false); signals do not end it.
// Entries with a negative descriptor are ignored, as in poll(). A deadline is a point in time, so
// that it holds across several waits.
[[nodiscard]] Result<bool> poll_until(std::span<pollfd> fds,
                                      std::chrono::steady_clock::time_point deadline);

// Both ends of a stream socket, close-on-exec; `ours` does not block.
struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
[[nodiscard]] Result<SocketPair> socket_pair();

// The result of one read. Neither bytes nor end: nothing to read now.
struct ReadResult {
  std::vector<std::byte> bytes;
  bool ended = false;  // the other side is closed
};
// Reads up to `limit_bytes` from a descriptor that does not block.
[[nodiscard]] Result<ReadResult> read_some(int fd, size_t limit_bytes);

// Writes what fits into a descriptor that does not block, and returns the number of bytes.
// kMachineLost if the other side is closed.
[[nodiscard]] Result<size_t> write_some(int fd, std::span<const std::byte> bytes);

// Writes everything to a descriptor that does not block, and waits for room until `deadline`.
// kMachineLost if the other side is closed or accepts nothing for that long.
[[nodiscard]] Result<void> write_all(int fd, std::span<const std::byte> bytes,
                                     std::chrono::steady_clock::time_point deadline);

[[nodiscard]] Error machine_lost(std::string message);

}  // namespace ktape
