// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape {

// What a run tested, and how to repeat it, in words that are safe to print.

// "'/x/scx_mine', SHA-256 12ab..., build-id 34cd..., commit 56ef..., clean, in '/x'"; empty if the
// tape has no scheduler program.
[[nodiscard]] std::string tested_program_text(schema::TestedProgram::Reader program);

// ktape's own scheduler, by the object that the guest loaded: "ktape_vtime, SHA-256 12ab..."; empty
// if the tape has no digest of one.
[[nodiscard]] std::string own_scheduler_text(schema::SchedulerAttached::Reader scheduler);

// "ktape capture --kernel 7.3.4 my.scenario", quoted for a shell. kNotApplicable if the recorder
// did not keep its arguments; kBadInput for words that cannot be shown in a shell command.
[[nodiscard]] Result<std::string> capture_command(schema::RunStarted::Reader run);

// The text of the scenario, byte for byte. kNotApplicable if there is none, kBadInput if it is not
// text.
[[nodiscard]] Result<std::string> scenario_text(schema::RunStarted::Reader run);

// A shell script: capture_command and, as comments above it, what the tape records about everything
// that the command refers to. `tape` is the path of the tape, `attached` the first scheduler that
// attached. Errors are those of capture_command.
[[nodiscard]] Result<std::string> reproduce_script(std::string_view tape,
                                                   schema::RunStarted::Reader run,
                                                   schema::KernelIdentified::Reader kernel,
                                                   schema::SchedulerAttached::Reader attached);

}  // namespace ktape
