// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/scenario.capnp.h"
#include "schema/wire.capnp.h"
#include "schema/wire/frame.h"

namespace ktape::test {

// A guest's messages and actions until it powered off.
class GuestRun {
 public:
  // Boots the kernel with the agent and plays the host: answers hello with the scenario and every
  // request with success.
  [[nodiscard]] static Result<GuestRun> of(
      const std::string& kernel_path,
      const std::function<void(schema::Scenario::Builder)>& scenario);

  // The agent's messages of one kind, in order.
  [[nodiscard]] std::vector<schema::FromAgent::Reader> messages(schema::FromAgent::Which kind);
  // The only one of its kind; fails the test if there is none or there are several.
  [[nodiscard]] schema::FromAgent::Reader only(schema::FromAgent::Which kind);

  [[nodiscard]] const std::string& console() const { return console_; }
  // The last message was "done", and the guest then ended by itself.
  [[nodiscard]] bool ended_well();

 private:
  std::vector<FrameMessage> messages_;
  std::string console_;
  bool ended_ = false;
};

}  // namespace ktape::test
