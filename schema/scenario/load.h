// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <memory>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario.capnp.h"
#include "schema/scenario/machine.h"

namespace ktape {

// A loaded scenario: its text and the message that it decodes to. Defaults are filled in, and
// target paths are parsed into steps.
class LoadedScenario {
 public:
  LoadedScenario(std::string path, std::string text,
                 std::unique_ptr<capnp::MallocMessageBuilder> message)
      : path_(std::move(path)), text_(std::move(text)), message_(std::move(message)) {}

  // Valid as long as this object, also after it was moved.
  [[nodiscard]] schema::Scenario::Reader get() const {
    return message_->getRoot<schema::Scenario>().asReader();
  }
  // To add values from the command line and the host.
  [[nodiscard]] schema::Scenario::Builder edit() { return message_->getRoot<schema::Scenario>(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string path_;
  std::string text_;
  std::unique_ptr<capnp::MallocMessageBuilder> message_;
};

// Decodes and checks scenario text. Errors are kUsage: "FILE:LINE:COLUMN: sentence" where the place
// is known, with the nearest valid name as the hint for a misspelt field or enumerant. `machine` is
// applied before any check: what it overrides in the text is not checked.
[[nodiscard]] Result<LoadedScenario> parse_scenario(const std::string& path, std::string text,
                                                    const MachineOverride& machine = {});
[[nodiscard]] Result<LoadedScenario> load_scenario(const std::string& path,
                                                   const MachineOverride& machine = {});

}  // namespace ktape
