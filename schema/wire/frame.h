// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// Of one message, without the length before it. A guest must not make the host allocate more.
inline constexpr uint32_t kMaxFrameBytes = 1u << 20;
// By this name the agent finds its virtio-serial port.
inline constexpr char kAgentPortName[] = "org.ktape.agent";

// One frame: the length, and the message in stream framing. kOutOfRange if it is over
// kMaxFrameBytes.
[[nodiscard]] Result<std::vector<std::byte>> encode_frame(capnp::MessageBuilder& message);

// A decoded frame: owns its words, so that `root<T>()` stays valid as long as it does.
class FrameMessage {
 public:
  explicit FrameMessage(std::vector<std::byte> payload);
  ~FrameMessage();
  FrameMessage(FrameMessage&&) noexcept;
  FrameMessage& operator=(FrameMessage&&) noexcept;

  // The message's reader, with traversal and nesting limits for a hostile sender. Reading a bad
  // message throws kj::Exception: the caller stops it at its boundary.
  [[nodiscard]] capnp::MessageReader& reader();

  // The message's bytes.
  [[nodiscard]] std::span<const std::byte> payload() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The first of some bytes, as hex, for an error about them: "05 00 00 00 67 ...".
[[nodiscard]] std::string excerpt(std::span<const std::byte> bytes);

// Cuts a byte stream into frames. Bounded: holds at most one frame and what follows it.
class FrameDecoder {
 public:
  void feed(std::span<const std::byte> bytes);
  // The next complete frame, nothing if more bytes are needed. kBadInput for a length that is 0,
  // not a multiple of 8, or over the limit, with the first bytes of the frame: the stream cannot be
  // used after that.
  [[nodiscard]] Result<std::optional<FrameMessage>> next();
  // Bytes that were fed and are not part of a returned frame.
  [[nodiscard]] size_t pending_bytes() const { return buffer_.size() - begin_; }

 private:
  std::vector<std::byte> buffer_;
  size_t begin_ = 0;
};

}  // namespace ktape
