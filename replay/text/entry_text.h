// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/record.capnp.h"
#include "schema/wire/owned_message.h"

namespace ktape {

// The outcome of an entry of a request, in words, safe to print.

// "u64, at 0xffff888004a1c3d8, physical 0x4a1c3d8, protected by the runqueue lock of CPU 1, took
// 3.21 us": where a value is; empty if nothing was reached.
[[nodiscard]] std::string place_text(schema::EntryReply::Reader got);

// "gate 4, off the runqueue: failed: observed on_rq 1, expected on_rq 0"; ends before "observed" if
// nothing was observed.
[[nodiscard]] std::string gate_line(schema::GateChecked::Reader gate);

// "12 gates passed"; or the number that passed, and a line for each of the others.
[[nodiscard]] std::vector<std::string> gate_lines(
    const std::vector<OwnedMessage<schema::GateChecked>>& gates);

// A line for each enforced gate that did not pass.
[[nodiscard]] std::vector<std::string> refusing_gate_lines(
    const std::vector<OwnedMessage<schema::GateChecked>>& gates);

}  // namespace ktape
