// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/event_cursor.h"

#include <kj/exception.h>
#include <sqlite3.h>

#include <limits>

namespace ktape {

Result<EventCursor> EventCursor::all(const Database& database) {
  KTAPE_ASSIGN(Statement query,
               database.prepare("SELECT seq, kind, record, chain FROM event ORDER BY seq"));
  return EventCursor(std::move(query), true);
}

Result<EventCursor> EventCursor::at(const Database& database, Seq seq) {
  KTAPE_ASSIGN(Statement query,
               database.prepare("SELECT seq, kind, record, chain FROM event WHERE seq = ?"));
  query.bind(1, static_cast<int64_t>(seq.value));
  return EventCursor(std::move(query), false);
}

Result<EventCursor> EventCursor::last(const Database& database) {
  KTAPE_ASSIGN(
      Statement query,
      database.prepare("SELECT seq, kind, record, chain FROM event ORDER BY seq DESC LIMIT 1"));
  return EventCursor(std::move(query), false);
}

Error EventCursor::bad(const std::string& cause) const { return bad_record(seq_, cause); }

Result<bool> EventCursor::next() {
  KTAPE_ASSIGN(bool row, query_.step());
  if (!row) return false;
  Seq expected(seq_.value + 1);
  // Before it becomes a number without sign.
  if (query_.integer(0) < 1)
    return Error{ErrorCode::kBadInput,
                 "event has a row with number " + std::to_string(query_.integer(0)), ""};
  seq_ = Seq(static_cast<uint64_t>(query_.integer(0)));
  // Rows deleted from the middle leave a gap, which would otherwise go unnoticed until the chain is
  // checked.
  if (dense_ && seq_ != expected) {
    return bad("record " + std::to_string(expected.value) + " is missing before it");
  }
  // SQLite columns have no type: each row may hold anything.
  if (query_.type(1) != SQLITE_INTEGER || query_.type(2) != SQLITE_BLOB ||
      query_.type(3) != SQLITE_BLOB) {
    return bad("its row has a column of the wrong type");
  }
  int64_t kind = query_.integer(1);
  if (kind <= 0 || kind > std::numeric_limits<uint16_t>::max()) {
    return bad("its kind " + std::to_string(kind) + " does not exist");
  }
  kind_ = static_cast<uint16_t>(kind);
  return true;
}

Result<schema::Record::Reader> EventCursor::record() {
  return agreeing(decoder_.decode(message()), seq_, kind_);
}

Result<schema::Record::Reader> agreeing(Result<schema::Record::Reader> record, Seq seq,
                                        uint16_t kind) {
  if (!record.ok()) return bad_record(seq, record.error().message);
  try {
    // Number and kind are in the row and in the record; the record is what the chain covers.
    if (record->getSeq() != seq.value)
      return bad_record(seq, "the record has the number " + std::to_string(record->getSeq()));
    if (kind_of(*record) != kind) {
      return bad_record(seq, "its row is of kind " + std::to_string(kind) +
                                 ", the record of kind " + std::to_string(kind_of(*record)));
    }
  } catch (const kj::Exception& exception) {
    return bad_record(seq, exception.getDescription().cStr());
  }
  return record;
}

Error bad_record(Seq seq, const std::string& cause) {
  return Error{ErrorCode::kBadInput, "record " + std::to_string(seq.value) + ": " + cause, ""};
}

Result<TapeState> state_of(const Database& database) {
  KTAPE_ASSIGN(EventCursor cursor, EventCursor::last(database));
  KTAPE_ASSIGN(bool row, cursor.next());
  // Also for an empty tape.
  if (!row || cursor.kind() != schema::Record::SEALED) return TapeState::kUnsealed;
  KTAPE_ASSIGN(schema::Record::Reader record, cursor.record());
  try {
    bool truncated = record.getSealed().getOutcome() == schema::Outcome::TRUNCATED;
    return truncated ? TapeState::kTruncated : TapeState::kSealed;
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kBadInput, exception.getDescription().cStr(), ""};
  }
}

}  // namespace ktape
