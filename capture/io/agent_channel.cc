// SPDX-License-Identifier: Apache-2.0
#include "capture/io/agent_channel.h"

#include <kj/exception.h>

#include <string>

namespace ktape {

Result<bool> AgentChannel::next(
    const std::function<Result<void>(schema::FromAgent::Reader)>& handle) {
  KTAPE_ASSIGN(std::optional<FrameMessage> frame, decoder_.next());
  // Frames are checked for size before they are decoded; what is inside is checked here.
  if (!frame) return false;
  const auto bad = [&](const std::string& why) {
    return Error{ErrorCode::kBadInput,
                 "a message from the agent cannot be decoded: " + why + "; it begins " +
                     excerpt(frame->payload()),
                 ""};
  };
  // Everything that the handler reads of the message may throw, as Cap'n Proto checks pointers when
  // they are followed.
  try {
    const Result<void> handled = handle(frame->reader().getRoot<schema::FromAgent>());
    if (handled.ok()) return true;
    // Parts of a message are read only when it is recorded. If they cannot be recorded, the message
    // is at fault.
    const ErrorCode code = handled.error().code;
    if (code == ErrorCode::kInternal || code == ErrorCode::kOutOfRange)
      return bad(handled.error().message);
    return handled.error();
  } catch (const kj::Exception& e) {
    return bad(e.getDescription().cStr());
  }
}

Result<void> AgentChannel::send(const std::function<void(schema::FromHost::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  fill(message.initRoot<schema::FromHost>());
  KTAPE_ASSIGN(std::vector<std::byte> frame, encode_frame(message));
  return machine_.send_to_agent(frame);
}

}  // namespace ktape
