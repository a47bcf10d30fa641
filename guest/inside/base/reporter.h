// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guest/inside/base/channel.h"
#include "guest/inside/base/facts.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// How often an op with `every` was requested in its step.
struct SeriesCount {
  uint32_t first_action = 0;
  uint64_t requested = 0;
  uint64_t missed = 0;
};

// Sends the agent's messages, stamped with guest time. Errors are those of Channel::send: the host
// is gone.
class Reporter {
 public:
  // `channel` outlives it.
  explicit Reporter(Channel& channel) : channel_(channel) {}

  // `fill` gets the schema::FromAgent::Builder and fills in the message.
  template <typename Fill>
  [[nodiscard]] Result<void> send(Fill&& fill) {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::FromAgent>();
    std::forward<Fill>(fill)(root);
    stamp(root);
    return channel_.send(message);
  }

  [[nodiscard]] Result<void> step_started(uint32_t step, capnp::Text::Reader name);
  [[nodiscard]] Result<void> step_finished(uint32_t step, bool ok, const std::string& detail,
                                           const std::vector<SeriesCount>& series);
  [[nodiscard]] Result<void> scheduler_output(uint32_t id, std::string_view text,
                                              uint64_t lost_bytes = 0);
  [[nodiscard]] Result<void> facts(std::string_view subject, const Facts& facts);
  [[nodiscard]] Result<void> done(int exit_code, const std::string& detail);

 private:
  static void stamp(schema::FromAgent::Builder message);

  Channel& channel_;
};

}  // namespace ktape
