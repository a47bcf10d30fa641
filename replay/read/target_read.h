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

// What one target read in recorded memory, in the form that records have.
struct TargetRead {
  std::string line;  // as it was typed
  OwnedMessage<schema::OpEntry> asked;
  OwnedMessage<schema::EntryReply> reply;
  std::vector<OwnedMessage<schema::GateChecked>> gates;  // task targets
  // Its values as their type describes them, safe to print: one, or one for each entry of a list.
  // Empty where no type is known, and for a read of bytes.
  std::vector<std::string> decoded;
  // What was needed and not captured; a reply that is done needed it for a gate only.
  std::optional<GuestPhysical> missing;
  // Why a list was not read to its end: it goes on beyond its limit, or an entry was not captured.
  std::string broke_off;

  // 0 when it was read. 77 when it was not: not captured, no such task, a NULL pointer on the way;
  // and for a list that was not read to its end.
  [[nodiscard]] ExitCode code() const;
};

// Reads a target, as people type it (schema/target/target_line.h), at a freeze. The ops of a
// capture do the same in the same way: identity gates stand before a task. A worker is the last of
// that name that had started; a pid without a start time is the task that has it in this memory.
// kUsage for a target that this kernel cannot have: a symbol, a member, a width.
[[nodiscard]] Result<TargetRead> read_target(const Kernel& kernel, const RecordedMemory& memory,
                                             const TapeIndex& index, const Freeze& freeze,
                                             const std::string& line);

}  // namespace ktape
