// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/reader.h"

#include <kj/exception.h>
#include <sqlite3.h>

#include <algorithm>
#include <limits>

#include "schema/tape/chain.h"
#include "schema/tape/codec.h"
#include "schema/tape/message.h"
#include "schema/tape/reading/checked_records.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/reading/page_rows.h"
#include "schema/tape/reading/tape_source.h"
#include "schema/tape/reading/tape_tables.h"
#include "schema/tape/tables.h"

namespace ktape {

namespace {

// Below this size, starting a thread takes longer than it saves.
constexpr size_t kShortBytes = size_t{256} << 10;

// The same sentence as in `verify`.
Error about(const std::string& path, const Error& error) {
  if (error.code != ErrorCode::kBadInput) return error;
  return Error{error.code, "'" + path + "' is altered: " + error.message, error.hint};
}

// The record that the cursor stands on.
Result<void> visit_row(EventCursor& cursor,
                       const std::function<Result<void>(const RecordView&)>& visit) {
  KTAPE_ASSIGN(schema::Record::Reader record, cursor.record());
  RecordView view{cursor.seq(), cursor.kind(), is_known_kind(cursor.kind()), record};
  try {
    return visit(view);
  } catch (const kj::Exception& exception) {
    return cursor.bad(exception.getDescription().cStr());
  }
}

}  // namespace

struct TapeReader::Impl {
  std::string path;
  TapeSource source;
  TapeState state = TapeState::kUnsealed;

  // The content with `hash` in a table of (hash, codec, data).
  Result<std::vector<std::byte>> content(const char* table, const Digest& hash,
                                         size_t limit_bytes) const;
};

TapeReader::TapeReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TapeReader::~TapeReader() = default;

Result<std::unique_ptr<TapeReader>> TapeReader::open(const std::string& path) {
  KTAPE_ASSIGN(TapeSource source, open_source(path));
  // A recording's file may be shorter than its header says: the rest is in its log.
  auto whole = source.recording ? Result<void>() : check_length(path);
  if (whole.ok()) whole = check_tables(source.database);
  if (!whole.ok()) return about(path, whole.error());
  auto state = state_of(source.database);
  if (!state.ok()) return about(path, state.error());
  auto impl = std::make_unique<Impl>(Impl{path, std::move(source), *state});
  return std::unique_ptr<TapeReader>(new TapeReader(std::move(impl)));
}

TapeState TapeReader::state() const { return impl_->state; }

const std::string& TapeReader::path() const { return impl_->path; }

Result<void> TapeReader::for_each(const std::function<Result<void>(const RecordView&)>& visit,
                                  ChainCheck chain) const {
  KTAPE_ASSIGN(EventCursor cursor, EventCursor::all(impl_->source.database));
  Digest head{};
  size_t checked_bytes = 0;
  for (;;) {
    KTAPE_ASSIGN(bool row, cursor.next());
    if (!row) return {};
    if (chain == ChainCheck::kRecords) {
      head = next_link(head, cursor.message());
      // Equal lengths as well: a chain value of another size is no digest.
      if (!std::ranges::equal(cursor.chain(), head)) return edited(impl_->path, cursor.seq());
      checked_bytes += cursor.message().size();
    }
    KTAPE_TRY(visit_row(cursor, visit));
    // From here on hashing and visiting run beside each other.
    if (checked_bytes > kShortBytes) return for_each_ahead(cursor, head, impl_->path, visit);
  }
}

Result<void> TapeReader::at(Seq seq,
                            const std::function<Result<void>(const RecordView&)>& visit) const {
  KTAPE_ASSIGN(EventCursor cursor, EventCursor::at(impl_->source.database, seq));
  KTAPE_ASSIGN(bool row, cursor.next());
  if (!row) {
    return Error{ErrorCode::kNotFound,
                 "there is no record " + std::to_string(seq.value) + " in '" + impl_->path + "'",
                 ""};
  }
  return visit_row(cursor, visit);
}

Result<std::vector<std::byte>> TapeReader::Impl::content(const char* table, const Digest& hash,
                                                         size_t limit_bytes) const {
  KTAPE_ASSIGN(Statement query, source.database.prepare("SELECT codec, data FROM " +
                                                        std::string(table) + " WHERE hash = ?"));
  query.bind(1, std::span<const std::byte>(hash));
  KTAPE_ASSIGN(bool row, query.step());
  std::string name = std::string(table) + " '" + to_hex(hash) + "' of '" + path + "'";
  if (!row) return Error{ErrorCode::kNotFound, "there is no " + name, ""};
  // Bounded before it is unpacked, whatever its frame says.
  auto bytes = unpack(query.integer(0), query.bytes(1), limit_bytes);
  if (!bytes.ok()) return Error{bytes.error().code, name + ": " + bytes.error().message, ""};
  if (sha256(*bytes) != hash)
    return Error{ErrorCode::kBadInput, name + " does not match its hash", ""};
  return bytes;
}

Result<std::vector<std::byte>> TapeReader::blob(const Digest& hash) const {
  return impl_->content("blob", hash, kMaxBlobBytes);
}

Result<std::vector<std::byte>> TapeReader::page(const Digest& hash) const {
  KTAPE_ASSIGN(std::vector<std::byte> bytes, impl_->content("page", hash, kPageBytes));
  if (bytes.size() == kPageBytes) return bytes;
  return Error{ErrorCode::kBadInput,
               "page '" + to_hex(hash) + "' of '" + impl_->path + "' does not have 4096 bytes", ""};
}

Result<std::vector<FreezePage>> TapeReader::freeze_pages(uint64_t freeze, size_t limit) const {
  std::vector<FreezePage> rows;
  // SQLite's integers are signed: no row can have such a freeze.
  if (freeze > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return rows;
  KTAPE_ASSIGN(
      Statement query,
      impl_->source.database.prepare(
          "SELECT freeze, frame, frames, hash FROM freeze_page WHERE freeze = ? ORDER BY frame"));
  query.bind(1, static_cast<int64_t>(freeze));
  PageListOrder order;
  for (;;) {
    KTAPE_ASSIGN(bool more, query.step());
    if (!more) return rows;
    // After the rows that fit: the limit is on what is held in memory.
    if (rows.size() == limit) {
      return Error{ErrorCode::kOutOfRange,
                   "'" + impl_->path + "' has more than " + std::to_string(limit) +
                       " rows of freeze_page for freeze " + std::to_string(freeze),
                   ""};
    }
    KTAPE_ASSIGN(FreezePage row, freeze_page_in(query));
    // Checked as the rows come, so that a caller may rely on their order.
    KTAPE_TRY(order.next(row));
    rows.push_back(row);
  }
}

}  // namespace ktape
