// SPDX-License-Identifier: Apache-2.0
#include "capture/agent_channel.h"

#include <kj/exception.h>

#include <string>

namespace ktape {

Result<void> AgentChannel::receive(std::span<const std::byte> bytes,
                                   const std::function<Result<void>(schema::FromAgent::Reader)>& handle) {
  decoder_.feed(bytes);
  for (;;) {
    KTAPE_ASSIGN(std::optional<FrameMessage> frame, decoder_.next());
    if (!frame) return {};
    try {
      KTAPE_TRY(handle(frame->reader().getRoot<schema::FromAgent>()));
    } catch (const kj::Exception& e) {
      return Error{ErrorCode::kBadInput,
                   "a message from the agent cannot be decoded: " + std::string(e.getDescription().cStr()),
                   ""};
    }
  }
}

Result<void> AgentChannel::send(const std::function<void(schema::FromHost::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  fill(message.initRoot<schema::FromHost>());
  KTAPE_ASSIGN(std::vector<std::byte> frame, encode_frame(message));
  return machine_.send_to_agent(frame);
}

}  // namespace ktape
