// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>

#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"
#include "schema/wire/frame.h"

namespace ktape {

// The host's end of the channel to the agent. Errors caused by what the guest sends are kBadInput
// with the cause. Cap'n Proto exceptions do not leave this class.
class AgentChannel {
 public:
  // `machine` outlives it.
  explicit AgentChannel(Machine& machine) : machine_(machine) {}

  // Bytes received from the guest.
  void feed(std::span<const std::byte> bytes) { decoder_.feed(bytes); }
  // Passes the next complete message to `handle`; false if there is none. The message's reader is
  // valid only during the call. Errors of `handle` are returned as they are, except kInternal and
  // kOutOfRange: they mean that the message cannot be recorded, and become kBadInput.
  Result<bool> next(const std::function<Result<void>(schema::FromAgent::Reader)>& handle);
  // Bytes of a message that is not complete yet.
  [[nodiscard]] size_t unfinished_bytes() const { return decoder_.pending_bytes(); }

  // kOutOfRange, and nothing is sent, if the message does not fit into a frame.
  Result<void> send(const std::function<void(schema::FromHost::Builder)>& fill);

 private:
  Machine& machine_;
  FrameDecoder decoder_;
};

}  // namespace ktape
