// SPDX-License-Identifier: Apache-2.0
#include "schema/journal/tape_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <utility>

#include "schema/journal/tables.h"
#include "schema/journal/tape_file.h"

namespace ktape {

namespace {

// The tables exist before the database enters WAL mode, so that the main file alone says what it is.
Result<void> make_tables(Database& database) {
  KTAPE_TRY(database.execute("PRAGMA locking_mode=EXCLUSIVE; BEGIN"));
  KTAPE_TRY(database.execute(kTapeTables));
  KTAPE_TRY(database.execute(kProjectionTables));
  KTAPE_TRY(database.execute("PRAGMA application_id=" + std::to_string(kApplicationId) +
                             "; PRAGMA user_version=" + std::to_string(kFormatVersion) + "; COMMIT"));
  KTAPE_ASSIGN(std::string mode, database.ask("PRAGMA journal_mode=WAL"));
  if (mode != "wal") {
    return Error{ErrorCode::kHost, "this file system does not support SQLite's WAL mode",
                 "record to a local disk"};
  }
  return database.execute("PRAGMA synchronous=NORMAL");
}

kj::ArrayPtr<const kj::byte> as_data(const Digest& digest) {
  return {reinterpret_cast<const kj::byte*>(digest.data()), digest.size()};
}

}  // namespace

Digest blobs_digest(const std::map<Digest, std::string>& names) {
  Sha256 digest;
  for (const auto& [hash, name] : names) {
    digest.update(hash);
    digest.update(sha256(as_bytes(name)));
  }
  return digest.finish();
}

void write_counts(const TapeCounts& counts, schema::Sealed::Builder sealed) {
  sealed.setRecords(counts.records);
  auto kinds = sealed.initCounts(static_cast<uint>(counts.kinds.size()));
  uint at = 0;
  for (const auto& [kind, count] : counts.kinds) {
    kinds[at].setKind(kind);
    kinds[at++].setCount(count);
  }
  sealed.setPages(counts.pages);
  sealed.setBlobs(counts.blobs.size());
  sealed.setBlobsDigest(as_data(blobs_digest(counts.blobs)));
}

TapeStore::TapeStore(std::string path, Database database)
    : path_(std::move(path)), partial_(partial_name(path_)), database_(std::move(database)) {}

Result<std::unique_ptr<TapeStore>> TapeStore::create(const std::string& path) {
  KTAPE_TRY(claim_partial(path));
  KTAPE_ASSIGN(
      Database database,
      Database::open(partial_name(path), SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, partial_name(path)));
  KTAPE_TRY(make_tables(database));
  KTAPE_TRY(sync_folder_of(path));
  std::unique_ptr<TapeStore> store(new TapeStore(path, std::move(database)));
  KTAPE_TRY(store->prepare());
  return store;
}

Result<void> TapeStore::prepare() {
  KTAPE_ASSIGN(begin_, database_.prepare("BEGIN"));
  KTAPE_ASSIGN(commit_, database_.prepare("COMMIT"));
  KTAPE_ASSIGN(insert_event_,
               database_.prepare("INSERT INTO event(seq, kind, record, chain) VALUES(?, ?, ?, ?)"));
  KTAPE_ASSIGN(insert_blob_,
               database_.prepare("INSERT INTO blob(hash, name, codec, data) VALUES(?, ?, ?, ?)"));
  return {};
}

Result<void> TapeStore::stick(Result<void> result) {
  if (!result.ok() && state_.ok()) state_ = result;
  return result;
}

Result<void> TapeStore::begin() {
  if (in_group_) return {};
  KTAPE_TRY(begin_.run());
  in_group_ = true;
  return {};
}

Result<void> TapeStore::add_record(schema::Record::Reader record, std::span<const std::byte> message) {
  KTAPE_TRY(state_);
  KTAPE_CHECK(record.getSeq() == next_seq().value);
  return stick(insert_record(record, message));
}

Result<void> TapeStore::insert_record(schema::Record::Reader record, std::span<const std::byte> message) {
  KTAPE_TRY(begin());
  Digest link = next_link(head_, message);
  uint16_t kind = kind_of(record);
  insert_event_.bind(1, static_cast<int64_t>(next_seq().value));
  insert_event_.bind(2, int64_t{kind});
  insert_event_.bind(3, message);
  insert_event_.bind(4, std::span<const std::byte>(link));
  KTAPE_TRY(insert_event_.run());
  head_ = link;
  ++counts_.records;
  ++counts_.kinds[kind];
  return {};
}

Result<void> TapeStore::add_blob(const Digest& hash, std::string_view name, int64_t codec,
                                 std::span<const std::byte> data) {
  KTAPE_TRY(state_);
  if (has_blob(hash)) return {};
  return stick(insert_blob(hash, name, codec, data));
}

Result<void> TapeStore::insert_blob(const Digest& hash, std::string_view name, int64_t codec,
                                    std::span<const std::byte> data) {
  KTAPE_TRY(begin());
  insert_blob_.bind(1, std::span<const std::byte>(hash));
  insert_blob_.bind(2, name);
  insert_blob_.bind(3, codec);
  insert_blob_.bind(4, data);
  KTAPE_TRY(insert_blob_.run());
  counts_.blobs.emplace(hash, name);
  return {};
}

Result<void> TapeStore::commit() {
  KTAPE_TRY(state_);
  return stick(end_group());
}

Result<void> TapeStore::end_group() {
  if (!in_group_) return {};
  KTAPE_TRY(commit_.run());
  in_group_ = false;
  return {};
}

Result<void> TapeStore::close_database() {
  KTAPE_TRY(database_.execute("PRAGMA synchronous=FULL"));
  KTAPE_ASSIGN(std::string busy, database_.ask("PRAGMA wal_checkpoint(TRUNCATE)"));
  for (Statement* statement : {&begin_, &commit_, &insert_event_, &insert_blob_}) *statement = Statement();
  KTAPE_ASSIGN(std::string mode, database_.ask("PRAGMA journal_mode=DELETE"));
  if (busy != "0" || mode != "delete") {
    return Error{ErrorCode::kHost, "cannot fold the write-ahead log into '" + partial_ + "'", ""};
  }
  return database_.close();
}

Result<SealedTape> TapeStore::finish() {
  KTAPE_TRY(commit());
  KTAPE_TRY(stick(close_database()));
  KTAPE_TRY(stick(publish(path_)));
  struct stat status;
  if (::stat(path_.c_str(), &status) != 0)
    return system_error(ErrorCode::kHost, "cannot stat '" + path_ + "'");
  state_ = Error{ErrorCode::kInternal, "'" + path_ + "' is sealed", ""};
  return SealedTape{path_, head_, counts_.records, static_cast<uint64_t>(status.st_size)};
}

}  // namespace ktape
