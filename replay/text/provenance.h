// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape {

// What a run was of, and how to have it again, in words that are safe to print.

// "'/x/scx_mine', SHA-256 12ab..., build-id 34cd..., commit 56ef..., clean, of '/x'"; empty where a
// tape has no program of a scheduler.
[[nodiscard]] std::string tested_program_text(schema::TestedProgram::Reader program);

// Of ktape's own scheduler, "ktape_vtime, SHA-256 12ab...", by the object that the guest loaded;
// empty where the tape has no digest of one.
[[nodiscard]] std::string own_scheduler_text(schema::SchedulerAttached::Reader scheduler);

// "ktape capture --kernel 7.3.4 my.scenario", quoted for a shell. kNotApplicable where the recorder
// did not keep what it was asked; kBadInput for words that no shell could be shown.
[[nodiscard]] Result<std::string> capture_command(schema::RunStarted::Reader run);

// The text of the scenario, byte for byte. kNotApplicable where there is none, kBadInput for what
// is no text.
[[nodiscard]] Result<std::string> scenario_text(schema::RunStarted::Reader run);

// A script for a shell: capture_command, and above it, as comments, what was recorded of all that
// the command leads to. `tape` is the path of the tape, `attached` the first scheduler that
// attached. Errors as those of capture_command.
[[nodiscard]] Result<std::string> reproduce_script(std::string_view tape,
                                                   schema::RunStarted::Reader run,
                                                   schema::KernelIdentified::Reader kernel,
                                                   schema::SchedulerAttached::Reader attached);

}  // namespace ktape
