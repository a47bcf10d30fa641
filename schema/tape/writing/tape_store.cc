// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/writing/tape_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "schema/tape/chain.h"
#include "schema/tape/tables.h"
#include "schema/tape/tape_file.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// The tables exist before the database enters WAL mode, so the main file alone identifies it as a
// tape.
Result<void> make_tables(Database& database) {
  // secure_delete: what is freed is overwritten, so a free page with content is an edit
  // (check_rows()). EXCLUSIVE before WAL: no shared-memory file, and nobody else can write.
  KTAPE_TRY(database.execute(
      "PRAGMA page_size=" + std::to_string(kTapePageBytes) +
      "; PRAGMA encoding='UTF-8'; PRAGMA secure_delete=ON; PRAGMA locking_mode=EXCLUSIVE; BEGIN"));
  KTAPE_TRY(database.execute(kTapeTables));
  KTAPE_TRY(database.execute(kProjectionTables));
  KTAPE_TRY(database.execute("PRAGMA application_id=" + std::to_string(kApplicationId) +
                             "; PRAGMA user_version=" + std::to_string(kFormatVersion) +
                             "; COMMIT"));
  // Only an answer of "wal" is a success: SQLite keeps the old mode on file systems without locks
  // or shared memory.
  KTAPE_ASSIGN(std::string mode, database.ask("PRAGMA journal_mode=WAL"));
  if (mode != "wal") {
    return Error{ErrorCode::kHost, "this file system does not support SQLite's WAL mode",
                 "record to a local disk"};
  }
  // The log is restarted after 32 MiB: rarely enough for readers to copy it in the meantime.
  return database.execute("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=8192");
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

}  // namespace

TapeStore::TapeStore(std::string path, UniqueFd file, Database database)
    : path_(std::move(path)),
      partial_(partial_name(path_)),
      file_(std::move(file)),
      database_(std::move(database)) {}

Result<std::unique_ptr<TapeStore>> TapeStore::create(const std::string& path) {
  KTAPE_TRY(claim_partial(path));
  auto store = open_claimed(path);
  // The name was claimed by us, so nobody else's file is removed.
  if (!store.ok()) remove_partial(path);
  return store;
}

Result<std::unique_ptr<TapeStore>> TapeStore::open_claimed(const std::string& path) {
  // A descriptor of our own, so that the file can be copied if its name is removed.
  UniqueFd file(::open(partial_name(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid())
    return system_error(ErrorCode::kHost, "cannot open '" + partial_name(path) + "'");
  KTAPE_ASSIGN(Database database,
               Database::open(partial_name(path), SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                              partial_name(path)));
  KTAPE_TRY(make_tables(database));
  // The name survives a power cut from here on.
  KTAPE_TRY(sync_folder_of(path));
  std::unique_ptr<TapeStore> store(new TapeStore(path, std::move(file), std::move(database)));
  KTAPE_TRY(store->prepare());
  return store;
}

Result<void> TapeStore::prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&begin_, "BEGIN"},
      {&commit_, "COMMIT"},
      {&insert_event_, "INSERT INTO event(seq, kind, record, chain) VALUES(?, ?, ?, ?)"},
      {&insert_blob_, "INSERT INTO blob(hash, name, codec, data) VALUES(?, ?, ?, ?)"},
      {&insert_page_, "INSERT INTO page(hash, codec, data) VALUES(?, ?, ?)"},
      {&insert_freeze_page_,
       "INSERT INTO freeze_page(freeze, frame, frames, hash) VALUES(?, ?, ?, ?)"}};
  for (auto [statement, sql] : statements) {
    KTAPE_ASSIGN(*statement, database_.prepare(sql));
  }
  return {};
}

Result<void> TapeStore::stick(Result<void> result) {
  // The first error is the cause; later calls would report its consequences.
  if (!result.ok() && state_.ok()) state_ = result;
  return result;
}

Result<void> TapeStore::insert(Statement& statement) {
  // A group begins with its first row, so an empty commit costs nothing.
  if (!in_group_) KTAPE_TRY(begin_.run());
  in_group_ = true;
  return statement.run();
}

Result<void> TapeStore::add_record(std::span<const std::byte> message) {
  KTAPE_TRY(state_);
  KTAPE_ASSIGN(schema::Record::Reader record, decoder_.decode(message));
  // Projected before anything is inserted: a record that cannot be projected must not be on the
  // tape.
  KTAPE_ASSIGN(std::vector<Row> rows, project_safely(record));
  if (record.getSeq() != next_seq().value) {
    return Error{ErrorCode::kBadInput,
                 "got record " + std::to_string(record.getSeq()) + ", expected " +
                     std::to_string(next_seq().value),
                 ""};
  }
  return stick(insert_record(kind_of(record), message, rows));
}

Result<void> TapeStore::insert_record(uint16_t kind, std::span<const std::byte> message,
                                      const std::vector<Row>& rows) {
  // The link is computed now, and head_ changes only once the row is in.
  Digest link = next_link(head_, message);
  insert_event_.bind(1, static_cast<int64_t>(next_seq().value));
  insert_event_.bind(2, int64_t{kind});
  insert_event_.bind(3, message);
  insert_event_.bind(4, std::span<const std::byte>(link));
  KTAPE_TRY(insert(insert_event_));
  // In the same transaction as the record: no reader ever sees one without the other.
  KTAPE_TRY(projection_.put(database_, rows));
  head_ = link;
  ++counts_.records;
  ++counts_.kinds[kind];
  return {};
}

Result<void> TapeStore::add_blob(const Digest& hash, std::string_view name, int64_t codec,
                                 std::span<const std::byte> data) {
  KTAPE_TRY(state_);
  if (has_blob(hash)) return {};
  insert_blob_.bind(1, std::span<const std::byte>(hash));
  insert_blob_.bind(2, name);
  insert_blob_.bind(3, codec);
  insert_blob_.bind(4, data);
  KTAPE_TRY(stick(insert(insert_blob_)));
  counts_.blobs.emplace(hash, name);
  // In the order of insertion, which is what packedDigest covers.
  packed_blobs_.add(hash, codec, data);
  return {};
}

Result<void> TapeStore::add_page(const Digest& hash, int64_t codec,
                                 std::span<const std::byte> data) {
  KTAPE_TRY(state_);
  if (has_page(hash)) return {};
  insert_page_.bind(1, std::span<const std::byte>(hash));
  insert_page_.bind(2, codec);
  insert_page_.bind(3, data);
  KTAPE_TRY(stick(insert(insert_page_)));
  pages_.insert(hash);
  ++counts_.pages;
  counts_.page_bytes += data.size();
  packed_pages_.add(hash, codec, data);
  return {};
}

Result<void> TapeStore::add_freeze_page(const FreezePage& row) {
  KTAPE_TRY(state_);
  insert_freeze_page_.bind(1, static_cast<int64_t>(row.freeze));
  insert_freeze_page_.bind(2, static_cast<int64_t>(row.frame));
  insert_freeze_page_.bind(3, static_cast<int64_t>(row.frames));
  if (row.hash) {
    insert_freeze_page_.bind(4, std::span<const std::byte>(*row.hash));
  } else {
    insert_freeze_page_.bind_null(4);
  }
  return stick(insert(insert_freeze_page_));
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

Result<SealedTape> TapeStore::seal(HostNs host,
                                   const std::function<void(schema::Sealed::Builder)>& fill) {
  KTAPE_TRY(state_);
  auto fill_record = [&](schema::Record::Builder record) {
    auto sealed = record.initSealed();
    fill(sealed);
    // Now, when the Sealed record is the only one that is not counted.
    write_counts(counts_, sealed);
    sealed.setPackedDigest(as_data(packed_digest(packed_blobs_, packed_pages_)));
  };
  KTAPE_ASSIGN(RecordMessage message,
               RecordMessage::build(next_seq(), host, GuestNs(0), fill_record));
  KTAPE_TRY(add_record(message.bytes()));
  return finish();
}

Result<SealedTape> TapeStore::finish() {
  // Everything is in the database; what follows makes one file of it.
  KTAPE_TRY(commit());
  // The name was removed or is another file's by now: see close_nameless().
  if (!is_name_of(partial_, file_.get())) return finish_nameless();
  if (auto closed = close_database(); !closed.ok()) {
    Error error = closed.error();
    error.hint = "all of the tape is in '" + partial_ +
                 "' and its '-wal'; make one file of them with 'ktape verify " + partial_ +
                 " --salvage OUT'";
    return stick(error).error();
  }
  return publish_whole(partial_);
}

Result<SealedTape> TapeStore::finish_nameless() {
  // Its folder may be gone too. If that cannot be recreated, writing the copy reports it.
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);
  const std::string copy = partial_name(path_ + "." + std::to_string(::getpid()));
  if (auto closed = close_nameless(copy); !closed.ok()) {
    Error error = closed.error();
    error.message =
        "'" + partial_ +
        "' was removed during the recording and cannot be written again: " + error.message;
    return stick(error).error();
  }
  KTAPE_ASSIGN(SealedTape tape, publish_whole(copy));
  tape.partial_was_gone = true;
  return tape;
}

// A database with statements cannot be closed, and one that is still reading cannot leave WAL mode.
void TapeStore::release_statements() {
  for (Statement* statement :
       {&begin_, &commit_, &insert_event_, &insert_blob_, &insert_page_, &insert_freeze_page_}) {
    *statement = Statement();
  }
  projection_.release();
}

// By name: 0 for a file whose name is gone; then the tape never counts as full.
uint64_t TapeStore::bytes() const {
  uint64_t bytes = 0;
  for (const std::string& path : {partial_, partial_ + "-wal"}) {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) bytes += static_cast<uint64_t>(status.st_size);
  }
  return bytes;
}

bool TapeStore::abandon() {
  if (database_.handle() == nullptr) return false;
  // A file of that name that is not ours stays.
  const bool named = is_name_of(partial_, file_.get());
  release_statements();
  (void)database_.close();
  if (named) remove_partial(path_);
  state_ = Error{ErrorCode::kInternal, "'" + path_ + "' was abandoned", ""};
  return true;
}

Result<void> TapeStore::fold_log() {
  // FULL from here on: the tape must survive a power cut once its name exists.
  KTAPE_TRY(database_.execute("PRAGMA synchronous=FULL"));
  // TRUNCATE merges the whole log and empties it; "0" means that nobody kept it from doing so.
  KTAPE_ASSIGN(std::string busy, database_.ask("PRAGMA wal_checkpoint(TRUNCATE)"));
  release_statements();
  if (busy == "0") return {};
  return Error{ErrorCode::kHost, "cannot merge the write-ahead log into '" + partial_ + "'", ""};
}

Result<void> TapeStore::close_database() {
  KTAPE_TRY(fold_log());
  // The order matters: DELETE mode needs a merged log, and removes it.
  KTAPE_TRY(database_.leave_wal_mode());
  return database_.close();
}

// Files that now have our names may be another recorder's, and are left alone.
Result<void> TapeStore::close_nameless(const std::string& copy) {
  KTAPE_TRY(fold_log());
  KTAPE_TRY(copy_open_file(file_.get(), copy));
  // PERSIST_WAL: closing would otherwise remove a `-wal` by name, which may be another recorder's.
  int keep = 1;
  (void)sqlite3_file_control(database_.handle(), nullptr, SQLITE_FCNTL_PERSIST_WAL, &keep);
  KTAPE_TRY(database_.close());
  // The copy has everything, as the log was merged; only its header still says WAL.
  KTAPE_ASSIGN(Database database,
               Database::open(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, copy));
  KTAPE_TRY(database.execute("PRAGMA locking_mode=EXCLUSIVE"));
  KTAPE_TRY(database.leave_wal_mode());
  return database.close();
}

Result<SealedTape> TapeStore::publish_whole(const std::string& from) {
  // From here on the store accepts nothing, whether or not the rename succeeds.
  state_ = Error{ErrorCode::kInternal, "'" + path_ + "' is sealed", ""};
  if (auto published = publish(from, path_); !published.ok()) {
    Error error = published.error();
    if (error.hint.empty()) error.hint = "all of it was written; check it with 'ktape verify'";
    return error;
  }
  struct stat status;
  if (::stat(path_.c_str(), &status) != 0) {
    return system_error(ErrorCode::kHost, "cannot stat '" + path_ + "'");
  }
  return SealedTape{.path = path_,
                    .head = head_,
                    .records = counts_.records,
                    .bytes = static_cast<uint64_t>(status.st_size),
                    .pages = counts_.pages,
                    .page_bytes = counts_.page_bytes};
}

}  // namespace ktape
