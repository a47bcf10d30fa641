// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>

#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"
#include "schema/wire/frame.h"

namespace ktape {

// The host's end of the conversation with the agent. Whatever the guest sends, errors come back as
// kBadInput with the cause; Cap'n Proto's exceptions stop here.
class AgentChannel {
 public:
  explicit AgentChannel(Machine& machine) : machine_(machine) {}

  // Bytes as they come from the guest.
  void feed(std::span<const std::byte> bytes) { decoder_.feed(bytes); }
  // Hands the next whole message to `handle`; false when there is none. A message's reader is valid
  // inside the call only. Errors of `handle` are returned as they are, but for kInternal and
  // kOutOfRange, which mean that no record can be made of the message: kBadInput.
  Result<bool> next(const std::function<Result<void>(schema::FromAgent::Reader)>& handle);
  // Bytes of a message that has not come to its end.
  [[nodiscard]] size_t unfinished_bytes() const { return decoder_.pending_bytes(); }

  // kOutOfRange, and nothing sent, for a message that does not fit into a frame.
  Result<void> send(const std::function<void(schema::FromHost::Builder)>& fill);

 private:
  Machine& machine_;
  FrameDecoder decoder_;
};

}  // namespace ktape
