// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <chrono>
#include <memory>
#include <optional>

#include "schema/base/file.h"
#include "schema/base/result.h"
#include "schema/wire/frame.h"

namespace ktape {

using Clock = std::chrono::steady_clock;  // guest CLOCK_MONOTONIC

// The agent's end of the virtio-serial port to the host. Blocking, except for `next`. Errors are
// kHost: without the host nobody can be informed, and the agent can only power off.
class Channel {
 public:
  // Finds the port by its name, which the kernel may take a moment to announce.
  [[nodiscard]] static Result<std::unique_ptr<Channel>> open(Clock::time_point deadline);

  // Returns once every byte is in the port's queue. The first message waits for a host that has not
  // connected yet; later ones fail if the host has disconnected.
  [[nodiscard]] Result<void> send(capnp::MessageBuilder& message);

  // Reads what has arrived. Call it when `fd()` is readable.
  [[nodiscard]] Result<void> read_some();
  // The next complete message, if there is one.
  [[nodiscard]] Result<std::optional<FrameMessage>> next() { return decoder_.next(); }

  // For poll(2). POLLHUP: the host has disconnected.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit Channel(UniqueFd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] bool host_is_there() const;

  UniqueFd fd_;
  FrameDecoder decoder_;
  bool host_was_there_ = false;
};

}  // namespace ktape
