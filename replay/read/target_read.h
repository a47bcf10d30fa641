// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/op_executor.h"
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
  OwnedMessage<schema::EntryReply> reply;
  std::vector<OwnedMessage<schema::GateChecked>> gates;  // task targets
  // Its values as their type describes them, safe to print: one, or one for each entry of a list.
  // Empty if no type is known, and for a read of bytes.
  std::vector<std::string> decoded;
  // The same on one line, and text without its quotes: for CSV.
  std::vector<std::string> cells;
  // The same values as decimal numbers, with the sign of their type; empty for one that is not a
  // number. Also without a type.
  std::vector<std::string> numbers;
  // Of each value of a list, which entry of each walk of the path it belongs to.
  std::vector<EntryNumbers> entries;
  // What was needed and not captured; if the reply is done, only a gate needed it.
  std::optional<GuestPhysical> missing;
  // Why a list was not read to its end: it is longer than its limit, or an entry was not captured.
  std::string broke_off;
  ExitCode not_read = ExitCode::kInconclusive;  // the status if the reply is not done

  // The answer of a target that could not be asked.
  [[nodiscard]] static TargetRead of_error(const std::string& line, const Error& error);

  // 0 if it was read. Otherwise 77 (not captured, no such task, a NULL pointer on the way, a list
  // that was not read to its end), or 2 for a mistake in the target.
  [[nodiscard]] ExitCode code() const;
};

// Reads targets, as users type them (schema/target/target_line.h), at the freezes of a tape. Looks
// up names once.
class TargetReader {
 public:
  // Both outlive it.
  TargetReader(const Kernel& kernel, const TapeIndex& index);

  // Finds the mistakes in a target that read() would, without reading: kUsage.
  [[nodiscard]] Result<void> check(const Freeze& freeze, const std::string& line) const;

  // Works like the ops of a capture: identity gates are checked before a task is read. A worker is
  // the last of that name that had started; a pid without a start time is the task that has it in
  // this memory. kUsage for a target that this kernel cannot have: a symbol, a member, a width.
  // kNotApplicable for a worker that had not started. Any other error means a damaged tape.
  [[nodiscard]] Result<TargetRead> read(const RecordedMemory& memory, const Freeze& freeze,
                                        const std::string& line);

 private:
  const Kernel& kernel_;
  const TapeIndex& index_;
  OpExecutor executor_;
};

}  // namespace ktape
