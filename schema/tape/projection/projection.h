// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <variant>
#include <vector>

#include "schema/record.capnp.h"

namespace ktape {

using Cell = std::variant<std::monostate, int64_t, std::string>;  // NULL, INTEGER, TEXT

struct Column {
  const char* name;
  Cell cell;
};

// What one kind of record writes into one table. In some tables several kinds fill in a row in
// turn: a request inserts the rows of kernel_op, its reply completes them.
enum class RowShape {
  kRun,
  kKernel,
  kGuest,
  kLayout,
  kSchedulerAttempted,
  kSchedulerEnableFailed,
  kSchedulerAttached,
  kSchedulerExited,
  kSchedulerOutput,
  kWorkerStarted,
  kWorkerReport,
  kStepStarted,
  kStepFinished,
  kRequest,
  kRequestDeferred,
  kRequestReplied,
  kOpAsked,
  kOpAnswered,
  kLockUser,
  kGate,
  kFreezeBegan,
  kFreezeHit,
  kFrozen,
  kThawed,
  kWaiting,
  kVcpu,
  kRunDelay,
  kClocksource,
  kSample,
  kTraceChunk,
  kConsole,
  kIncident,
  kOops,
  kGuestFact,
  kTriggerPlanned,
  kTriggerCounted,
  kTriggerChanged,
  kSlimmed,
  kGuestExit,
  kLoss,
  kEnding,
  kCount,  // the number of shapes
};

// The same columns, in the same order, for every row of a shape; primary key columns first. If a
// row with that key exists, the other columns are set in it.
struct Row {
  // For columns given in braces: a vector would copy them from there, each with its text.
  template <size_t count>
  Row(RowShape of, Column (&&listed)[count])
      : shape(of),
        columns(std::make_move_iterator(listed), std::make_move_iterator(listed + count)) {}

  RowShape shape;
  std::vector<Column> columns;
};

[[nodiscard]] const char* table_of(RowShape shape);
[[nodiscard]] size_t key_columns_of(RowShape shape);

// The largest number of rows that a record puts into one table: far more than there are CPUs, or
// entries in a frame from the agent. An untrusted record of 16 MiB may have a list of 16 million
// elements, and each would become a row.
inline constexpr uint32_t kMaxRowsOfARecord = uint32_t{1} << 16;

// The rows that a record puts into the projection tables; none for an unknown kind. A pure function
// of the record. Each format version adds tables and columns to those before it; the meaning of a
// cell never changes, because tapes of earlier versions have it too. Throws kj::Exception for a
// record that cannot be decoded, or has a list of more than kMaxRowsOfARecord.
[[nodiscard]] std::vector<Row> project(schema::Record::Reader record);

}  // namespace ktape
