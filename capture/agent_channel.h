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

  // Hands every whole message among the bytes seen so far to `handle`, in order. A message's reader
  // is valid inside the call only. Errors of `handle` are returned as they are.
  Result<void> receive(std::span<const std::byte> bytes,
                       const std::function<Result<void>(schema::FromAgent::Reader)>& handle);

  Result<void> send(const std::function<void(schema::FromHost::Builder)>& fill);

 private:
  Machine& machine_;
  FrameDecoder decoder_;
};

}  // namespace ktape
