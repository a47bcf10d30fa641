// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "replay/tape/recorded_memory.h"
#include "replay/tape/tape_index.h"
#include "schema/base/exit_code.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/wire/owned_message.h"

namespace ktape {

// What one target read in recorded memory, in the form of records.
struct TargetRead {
  std::string line;  // as it was typed
  OwnedMessage<schema::OpEntry> asked;
  OwnedMessage<schema::EntryReply> reply;
  std::vector<OwnedMessage<schema::GateChecked>> gates;  // task targets
  // Its values as their type describes them, safe to print: one, or one for each entry of a list.
  // Empty if no type is known, and for a read of bytes.
  std::vector<std::string> decoded;
  // What was needed and not captured; if the reply is done, only a gate needed it.
  std::optional<GuestPhysical> missing;
  // Why a list was not read to its end: it is longer than its limit, or an entry was not captured.
  std::string broke_off;

  // 0 if it was read. 77 if it was not (not captured, no such task, a NULL pointer on the way), and
  // for a list that was not read to its end.
  [[nodiscard]] ExitCode code() const;
};

// Reads a target, as users type it (schema/target/target_line.h), at a freeze. Works like the ops
// of a capture: identity gates are checked before a task is read. A worker is the last of that name
// that had started; a pid without a start time is the task that has it in this memory. kUsage for a
// target that this kernel cannot have: a symbol, a member, a width.
[[nodiscard]] Result<TargetRead> read_target(const Kernel& kernel, const RecordedMemory& memory,
                                             const TapeIndex& index, const Freeze& freeze,
                                             const std::string& line);

}  // namespace ktape
