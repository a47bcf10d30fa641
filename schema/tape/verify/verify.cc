// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/verify/verify.h"

#include <kj/exception.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>

#include "schema/base/text.h"
#include "schema/tape/chain.h"
#include "schema/tape/projection/projection_tables.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/reading/tape_source.h"
#include "schema/tape/reading/tape_tables.h"
#include "schema/tape/tables.h"
#include "schema/tape/tape_counts.h"
#include "schema/tape/tape_file.h"
#include "schema/tape/verify/verify_parts.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// A copy of what the Sealed record says.
struct SealedFacts {
  TapeState state = TapeState::kUnsealed;
  std::string detail;
  uint64_t records = 0;
  std::map<uint16_t, uint64_t> kinds;
  uint64_t pages = 0;
  uint64_t blobs = 0;
  std::string blobs_digest;
  std::string packed_digest;  // empty: the recorder did not write it
};

// The totals of the records.
struct RecordFacts {
  Digest head{};
  TapeCounts counts;  // before the Sealed record
  std::map<uint64_t, ThawedPages> thawed;
  std::optional<SealedFacts> sealed;
  LossTally losses;
  PackedRows blobs;
  PackedRows pages;
};

SealedFacts facts_of(schema::Sealed::Reader sealed) {
  SealedFacts facts;
  bool truncated = sealed.getOutcome() == schema::Outcome::TRUNCATED;
  facts.state = truncated ? TapeState::kTruncated : TapeState::kSealed;
  facts.detail = printable(chars(sealed.getDetail()));
  facts.records = sealed.getRecords();
  // Sums, if a kind is listed twice; the comparison then fails.
  for (auto kind : sealed.getCounts()) facts.kinds[kind.getKind()] += kind.getCount();
  facts.pages = sealed.getPages();
  facts.blobs = sealed.getBlobs();
  facts.blobs_digest = as_text(sealed.getBlobsDigest());
  facts.packed_digest = as_text(sealed.getPackedDigest());
  return facts;
}

void note(schema::Record::Reader record, RecordFacts& facts) {
  facts.losses.visit(record);
  if (record.isSealed()) {
    facts.sealed = facts_of(record.getSealed());
    return;
  }
  ++facts.counts.records;
  ++facts.counts.kinds[kind_of(record)];
  if (record.isThawed()) {
    auto thawed = record.getThawed();
    facts.thawed[thawed.getFreeze()] = {thawed.getPages(),
                                        std::string(as_text(thawed.getPagesDigest()))};
  }
}

Result<void> check_record(EventCursor& cursor, const Database& projection, ProjectionTables& tables,
                          RecordFacts& facts) {
  // A seal in the middle would make what follows look unsealed.
  if (facts.sealed) return cursor.bad("it comes after the Sealed record");
  facts.head = next_link(facts.head, cursor.message());
  if (!std::ranges::equal(cursor.chain(), facts.head)) {
    return cursor.bad("its chain value does not follow from it and the records before it");
  }
  KTAPE_ASSIGN(schema::Record::Reader record, cursor.record());
  auto rows = project_safely(record);
  if (!rows.ok()) return cursor.bad(rows.error().message);
  // A row that violates a constraint of our tables cannot come from a recorder.
  if (auto put = tables.put(projection, *rows); !put.ok()) {
    if (put.error().code == ErrorCode::kHost) return put;
    return cursor.bad("its content does not fit into the tables");
  }
  try {
    note(record, facts);
  } catch (const kj::Exception& exception) {
    return cursor.bad(exception.getDescription().cStr());
  }
  return {};
}

// Walks the records and fills `projection` with their content.
Result<void> check_records(const Database& tape, int32_t format, const Database& projection,
                           RecordFacts& facts) {
  KTAPE_ASSIGN(EventCursor cursor, EventCursor::all(tape));
  ProjectionTables tables(format);
  for (;;) {
    KTAPE_ASSIGN(bool row, cursor.next());
    if (!row) return {};
    KTAPE_TRY(check_record(cursor, projection, tables, facts));
  }
}

// A private database, which spills to a temporary file instead of growing in memory.
Result<Database> empty_projection(int32_t format) {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  KTAPE_ASSIGN(Database database, Database::open("", kFlags, "recomputed projection"));
  // It is thrown away: neither a journal nor syncing is of use.
  KTAPE_TRY(database.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"));
  KTAPE_TRY(database.execute(projection_tables(format)));
  // One transaction for all: a commit per record would take most of the time.
  KTAPE_TRY(database.execute("BEGIN"));
  return database;
}

Result<void> check_count(const char* what, uint64_t found, uint64_t sealed) {
  if (found == sealed) return {};
  return bad_input("there are " + std::to_string(found) + " " + what + ", the Sealed record says " +
                   std::to_string(sealed));
}

Result<void> check_seal(const SealedFacts& sealed, RecordFacts& facts) {
  const TapeCounts& counts = facts.counts;
  KTAPE_TRY(check_count("records before it", counts.records, sealed.records));
  // Also by kind, although the chain covers every record: a truncated tape may have been sealed
  // anew.
  if (sealed.kinds != counts.kinds)
    return bad_input("the number of records of each kind differs from the Sealed record's");
  KTAPE_TRY(check_count("pages", counts.pages, sealed.pages));
  KTAPE_TRY(check_count("blobs", counts.blobs.size(), sealed.blobs));
  if (!std::ranges::equal(as_bytes(sealed.blobs_digest), blobs_digest(counts.blobs))) {
    return bad_input("hashes or names of the blobs do not match the Sealed record");
  }
  // Older recorders did not write it.
  if (sealed.packed_digest.empty()) return {};
  if (!std::ranges::equal(as_bytes(sealed.packed_digest),
                          packed_digest(facts.blobs, facts.pages))) {
    return bad_input(
        "blobs and pages have the recorded content, but are packed or ordered differently");
  }
  return {};
}

Result<void> check_database(const Database& tape) {
  // Structure before content: damaged pages would give misleading findings.
  KTAPE_ASSIGN(Statement check, tape.prepare("PRAGMA integrity_check(1)"));
  KTAPE_ASSIGN(bool answered, check.step());
  std::string answer = answered ? check.text(0) : "";
  // A line that names the database may come before it. SQLite begins with a line "*** in database
  // main ***".
  if (answer != "ok")
    return bad_input("the database is damaged: " + printable(answer.substr(answer.find('\n') + 1)));
  return {};
}

// Each table was created once.
Result<void> check_changes(const Database& tape) {
  // schema_version counts changes of the schema; a table that was made, dropped and made again
  // leaves its count.
  KTAPE_ASSIGN(std::string changes, tape.ask("PRAGMA schema_version"));
  KTAPE_ASSIGN(std::string tables,
               tape.ask("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"));
  if (changes == tables) return {};
  return bad_input("its tables were changed " + changes +
                   " times, but those of a tape are changed " + tables + " times");
}

Result<void> check_everything(const Database& tape, RecordFacts& facts) {
  // From the file inwards. The first difference is the finding, so the more basic check comes
  // first.
  KTAPE_TRY(check_tables(tape));
  KTAPE_TRY(check_database(tape));
  KTAPE_TRY(check_changes(tape));
  KTAPE_ASSIGN(const int32_t format, format_of(tape));
  KTAPE_ASSIGN(Database projection, empty_projection(format));
  KTAPE_TRY(check_records(tape, format, projection, facts));
  KTAPE_TRY(check_projection(tape, projection));
  KTAPE_ASSIGN(facts.counts.blobs, check_blobs(tape, facts.blobs));
  KTAPE_ASSIGN(facts.counts.pages, check_pages(tape, facts.thawed, facts.pages));
  if (facts.sealed) KTAPE_TRY(check_seal(*facts.sealed, facts));
  return {};
}

// Everything except the tables that are made from records.
Result<void> check_all_records(const Database& tape, RecordFacts& facts) {
  KTAPE_TRY(check_record_tables(tape));
  KTAPE_TRY(check_database(tape));
  KTAPE_ASSIGN(Database projection, empty_projection(kFormatVersion));
  KTAPE_TRY(check_records(tape, kFormatVersion, projection, facts));
  KTAPE_ASSIGN(facts.counts.blobs, check_blobs(tape, facts.blobs));
  KTAPE_ASSIGN(facts.counts.pages, check_pages(tape, facts.thawed, facts.pages));
  return facts.sealed ? check_seal(*facts.sealed, facts) : bad_input("it has no Sealed record");
}

// The contents, and the file around them, whose finding is more precise if it was cut short.
Result<void> check_source(const std::string& path, const TapeSource& source, RecordFacts& facts) {
  auto contents = check_everything(source.database, facts);
  // Only a recorder leaves a seal in WAL mode, and only under the tape's own name.
  bool one_file = !source.recording || (facts.sealed && !is_partial_name(path));
  if (one_file) KTAPE_TRY(check_file(path));
  // Reads the file itself, and relies on what was checked before; a recording has its rows in two
  // files.
  if (!contents.ok() || source.recording) return contents;
  return check_rows(source.database, path);
}

void conclude_unsealed(const std::string& path, bool seal, Verification& verification) {
  verification.integrity = Integrity::kUnsealed;
  if (auto pid = recorder_at_work(path)) {
    verification.finding = "process " + std::to_string(*pid) + " is still recording it";
    return;
  }
  verification.finding =
      seal ? "sealed, but its log was not merged; all of it is valid"
           : "its recorder died before it could seal it; all that was recorded is valid";
  verification.hint = "make one file of it with 'ktape verify " + path + " --salvage OUT'";
}

void conclude(const std::string& path, const TapeSource& source, const RecordFacts& facts,
              Verification& verification) {
  // A seal that is still in the log is not a sealed tape.
  if (!facts.sealed || source.recording) {
    conclude_unsealed(path, facts.sealed.has_value(), verification);
  } else if (facts.sealed->state == TapeState::kTruncated) {
    verification.integrity = Integrity::kTruncated;
    verification.finding = facts.sealed->detail;
  } else {
    verification.integrity = Integrity::kIntact;
    verification.finding = "every record, blob, page and column is as it was recorded";
  }
}

}  // namespace

const char* integrity_name(Integrity integrity) {
  switch (integrity) {
    case Integrity::kIntact: return "intact";
    case Integrity::kTruncated: return "truncated";
    case Integrity::kUnsealed: return "unsealed";
    case Integrity::kAltered: return "altered";
  }
  return "altered";
}

Result<void> check_contents(const Database& tape) {
  RecordFacts facts;
  return check_everything(tape, facts);
}

Result<void> verify_records(const Database& tape) {
  RecordFacts facts;
  return check_all_records(tape, facts);
}

Result<Verification> verify(const std::string& path, const std::optional<Digest>& expect) {
  KTAPE_ASSIGN(TapeSource source, open_source(path));
  RecordFacts facts;
  auto checked = check_source(path, source, facts);
  // A fault of the host says nothing about the tape. E.g. no space for the recomputed projection.
  if (!checked.ok() && checked.error().code != ErrorCode::kBadInput) return checked.error();
  Verification verification;
  // Also for an altered tape: as far as it is valid.
  verification.records = facts.counts.records + (facts.sealed ? 1 : 0);
  verification.head = facts.head;
  verification.losses = facts.losses;
  if (!checked.ok()) {
    verification.finding = checked.error().message;
    verification.hint = checked.error().hint;
  } else if (expect && *expect != facts.head) {
    // Compared last: a tape that is damaged anyway gets the finding that says where.
    verification.finding =
        "its head digest is " + to_hex(facts.head) + ", not " + to_hex(*expect) + " as expected";
  } else {
    conclude(path, source, facts, verification);
  }
  return verification;
}

}  // namespace ktape
