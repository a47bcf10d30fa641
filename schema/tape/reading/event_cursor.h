// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/database.h"
#include "schema/tape/message.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// Walks the rows of `event`. Each row's types and sequence number are checked as it is read, and
// its record is checked against both columns when it is decoded: if the cursor is on a record, no
// record before it is missing. Errors are kBadInput and name the row.
class EventCursor {
 public:
  // Each is before its first row until next(). The database outlives the cursor.
  [[nodiscard]] static Result<EventCursor> all(const Database& database);
  // The row of that number only, if there is one.
  [[nodiscard]] static Result<EventCursor> at(const Database& database, Seq seq);
  // The last row only.
  [[nodiscard]] static Result<EventCursor> last(const Database& database);

  // Moves to the next row; false after the last.
  [[nodiscard]] Result<bool> next();

  [[nodiscard]] Seq seq() const { return seq_; }
  [[nodiscard]] uint16_t kind() const { return kind_; }
  // As stored; valid until `next`.
  [[nodiscard]] std::span<const std::byte> message() const { return query_.bytes(2); }
  [[nodiscard]] std::span<const std::byte> chain() const { return query_.bytes(3); }
  // Decoded; valid until `next`.
  [[nodiscard]] Result<schema::Record::Reader> record();

  // An error about the current row.
  [[nodiscard]] Error bad(const std::string& cause) const;

 private:
  EventCursor(Statement query, bool dense) : query_(std::move(query)), dense_(dense) {}

  Statement query_;
  RecordDecoder decoder_;
  bool dense_;  // row numbers have to be consecutive
  Seq seq_;
  uint16_t kind_ = 0;
};

// `record` in a row of this number and kind: kBadInput if the record has another.
[[nodiscard]] Result<schema::Record::Reader> agreeing(Result<schema::Record::Reader> record,
                                                      Seq seq, uint16_t kind);

[[nodiscard]] Error bad_record(Seq seq, const std::string& cause);

// According to the last record of the tape.
[[nodiscard]] Result<TapeState> state_of(const Database& database);

}  // namespace ktape
