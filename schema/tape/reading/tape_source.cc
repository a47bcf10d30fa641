// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/tape_source.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/tape/tables.h"
#include "schema/tape/tape_file.h"

namespace ktape {

namespace {

// SQLite's file header: https://www.sqlite.org/fileformat.html, section 1.3.
constexpr char kMagic[] = "SQLite format 3";  // with its NUL, 16 bytes
constexpr size_t kHeaderBytes = 100;
constexpr size_t kPageSizeAt = 16;  // two bytes; 1 means 65536
constexpr size_t kWriteVersionAt = 18;
constexpr size_t kReadVersionAt = 19;
constexpr size_t kChangesAt = 24;
constexpr size_t kPageCountAt = 28;
constexpr size_t kUserVersionAt = 60;
constexpr size_t kApplicationIdAt = 68;
constexpr size_t kVersionValidForAt = 92;
constexpr std::byte kRollbackMode{1};  // a write or read version
constexpr std::byte kWalMode{2};
constexpr size_t kWalHeaderBytes = 32;
// With pauses that double, about a second in all.
constexpr int kCopyAttempts = 10;

using Header = std::array<std::byte, kHeaderBytes>;

int32_t big_endian(const Header& header, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(header[at + i]);
  return static_cast<int32_t>(value);
}

uint64_t database_bytes(const Header& header) {
  uint64_t page_bytes = std::to_integer<uint64_t>(header[kPageSizeAt]) << 8 |
                        std::to_integer<uint64_t>(header[kPageSizeAt + 1]);
  if (page_bytes == 1) page_bytes = 65536;
  // Unsigned: a page count above 2^31 is damage, and must not become negative.
  return page_bytes * static_cast<uint32_t>(big_endian(header, kPageCountAt));
}

Error no_such_tape(const std::string& path) {
  Error error = system_error(ErrorCode::kNotFound, "cannot open tape '" + path + "'", ENOENT);
  std::string partial = partial_name(path);
  if (::access(partial.c_str(), F_OK) == 0)
    error.hint = "it was not sealed: open '" + partial + "'";
  return error;
}

// Whether the given name is wrong, or the host has a fault.
ErrorCode meaning_of(int open_errno) {
  switch (open_errno) {
    case EACCES:
    case ELOOP:
    // The user's mistake, not the host's fault.
    case ENAMETOOLONG:
    case ENOTDIR: return ErrorCode::kBadInput;
    default: return ErrorCode::kHost;
  }
}

Result<UniqueFd> open_regular(const std::string& path) {
  // Without O_NONBLOCK a FIFO would wait for its writer.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid() && errno == ENOENT) return no_such_tape(path);
  if (!fd.valid()) return system_error(meaning_of(errno), "cannot open tape '" + path + "'");
  struct stat status;
  if (::fstat(fd.get(), &status) != 0)
    return system_error(ErrorCode::kHost, "cannot stat '" + path + "'");
  if (S_ISDIR(status.st_mode)) return bad_input("'" + path + "' is not a tape: it is a folder");
  if (!S_ISREG(status.st_mode))
    return bad_input("'" + path + "' is not a tape: not a regular file");
  if (status.st_size == 0) return bad_input("'" + path + "' is not a tape: it is empty");
  return fd;
}

Result<Header> read_header(const std::string& path) {
  KTAPE_ASSIGN(UniqueFd fd, open_regular(path));
  Header header{};
  ssize_t n = ::pread(fd.get(), header.data(), header.size(), 0);
  if (n < 0) return system_error(ErrorCode::kHost, "cannot read '" + path + "'");
  // A file of a few bytes may still not begin like a tape.
  const auto bytes = static_cast<size_t>(n);
  if (std::memcmp(header.data(), kMagic, std::min(bytes, sizeof kMagic)) != 0) {
    return bad_input("'" + path + "' is not a tape: not an SQLite database");
  }
  if (bytes < header.size()) {
    return bad_input("'" + path + "' is not a tape: it has " + std::to_string(bytes) +
                     " bytes, which is too short");
  }
  return header;
}

struct FileLength {
  uint64_t bytes = 0;
  uint64_t expected = 0;  // what the header says
};

Result<FileLength> file_length(const std::string& path) {
  KTAPE_ASSIGN(Header header, read_header(path));
  struct stat status;
  if (::stat(path.c_str(), &status) != 0)
    return system_error(ErrorCode::kHost, "cannot stat '" + path + "'");
  return FileLength{static_cast<uint64_t>(status.st_size), database_bytes(header)};
}

Result<void> check_header(const std::string& path, const Header& header) {
  if (big_endian(header, kApplicationIdAt) != kApplicationId) {
    return bad_input("'" + path + "' is not a tape: it is an SQLite database of another program");
  }
  int32_t version = big_endian(header, kUserVersionAt);
  if (version > kFormatVersion) {
    return bad_input("'" + path + "' is a tape of format " + std::to_string(version) +
                         "; this build reads formats up to " + std::to_string(kFormatVersion),
                     "read it with the ktape that recorded it, or with a later one");
  }
  if (version < 1)
    return bad_input("'" + path + "': format version " + std::to_string(version) +
                     " does not exist");
  return {};
}

struct HeaderField {
  size_t at;
  size_t bytes;
  uint64_t value;
  const char* name;
};

// What the header of every sealed tape says, besides what `check_file` compares with the file. A
// value that SQLite would accept, but no recorder writes, is an edit (SQLite file format, 1.3).
constexpr HeaderField kHeaderFields[] = {{kPageSizeAt, 2, kTapePageBytes, "page size"},
                                         {20, 1, 0, "reserved bytes per page"},
                                         {21, 3, 0x402020, "payload fractions"},
                                         {44, 4, 4, "schema format"},
                                         {48, 4, 0, "cache size"},
                                         {52, 4, 0, "largest root page"},
                                         {56, 4, 1, "text encoding"},
                                         {64, 4, 0, "incremental vacuum"},
                                         {72, 8, 0, "reserved bytes"},
                                         {80, 8, 0, "reserved bytes"},
                                         {88, 4, 0, "reserved bytes"}};

Result<void> check_constants(const Header& header) {
  for (const HeaderField& field : kHeaderFields) {
    uint64_t value = 0;
    for (size_t i = 0; i < field.bytes; ++i)
      value = value << 8 | std::to_integer<uint64_t>(header[field.at + i]);
    if (value == field.value) continue;
    return bad_input("its header has " + std::string(field.name) + " " + std::to_string(value) +
                     ", not " + std::to_string(field.value));
  }
  // SQLite ignores the page count in the header unless both counters agree.
  if (big_endian(header, kChangesAt) == big_endian(header, kVersionValidForAt)) return {};
  return bad_input("the page count in its header is stale");
}

// The path of a file as SQLite's URI.
std::string uri(const std::string& path, const char* query) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text = "file:";
  // "file://x" would name a host.
  if (path.starts_with("//")) text += "//";
  for (char c : path) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                 (byte >= '0' && byte <= '9') || std::strchr("/._-", c) != nullptr;
    // Everything else is escaped: '?' and '#' would begin a query or a fragment.
    if (plain) {
      text += c;
    } else {
      text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return text + query;
}

// SQLite parses a table's statement before we can check it, in time that grows with the square of
// its length: a tape's own tables and our queries are shorter than this.
constexpr int kMaxSqlBytes = 1 << 12;
// SQLite's VM steps to read the schema: about six for each object, and a tape has 26 of them.
constexpr int kMaxSchemaSteps = 2000;

// Any other error in the schema is reported when a table is read.
Result<void> load_schema(Database& database, const std::string& path) {
  // Called after so many steps: stops a schema that is made to take long.
  sqlite3_progress_handler(
      database.handle(), kMaxSchemaSteps, [](void*) { return 1; }, nullptr);
  const Result<std::string> loaded = database.ask("SELECT 1 FROM sqlite_master LIMIT 1");
  const bool too_many = !loaded.ok() && sqlite3_errcode(database.handle()) == SQLITE_INTERRUPT;
  sqlite3_progress_handler(database.handle(), 0, nullptr, nullptr);
  if (too_many)
    return bad_input(in_quotes(path) +
                     " is not a tape: it has more tables and indexes than a tape");
  return {};
}

Result<void> harden(Database& database, const std::string& path) {
  sqlite3* handle = database.handle();
  const std::pair<int, int> switches[] = {
      // Nothing in the file may run: no triggers, no views, no functions of its own in the schema.
      {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},        {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0}};
  for (auto [option, value] : switches) sqlite3_db_config(handle, option, value, nullptr);
  const std::pair<int, int> limits[] = {
      // A blob of the largest size with a row around it; SQLite's default is 1 GB.
      {SQLITE_LIMIT_LENGTH, static_cast<int>(kMaxBlobBytes + (1 << 16))},
      {SQLITE_LIMIT_SQL_LENGTH, kMaxSqlBytes},
      {SQLITE_LIMIT_COLUMN, 64},
      {SQLITE_LIMIT_EXPR_DEPTH, 32},
      {SQLITE_LIMIT_COMPOUND_SELECT, 4},
      {SQLITE_LIMIT_FUNCTION_ARG, 8},
      {SQLITE_LIMIT_ATTACHED, 0},
      {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64},
      {SQLITE_LIMIT_VARIABLE_NUMBER, 64},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
      {SQLITE_LIMIT_WORKER_THREADS, 0}};
  for (auto [limit, value] : limits) sqlite3_limit(handle, limit, value);
  KTAPE_TRY(load_schema(database, path));
  // mmap off: a file that shrinks while it is read would kill the process (SIGBUS). query_only
  // after the schema was read.
  return database.execute("PRAGMA mmap_size=0; PRAGMA cell_size_check=1; PRAGMA query_only=1");
}

Result<TapeSource> open_sealed(const std::string& path) {
  constexpr int kFlags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  // immutable: SQLite takes no lock and looks for no log or journal beside the file.
  KTAPE_ASSIGN(Database database, Database::open(uri(path, "?mode=ro&immutable=1"), kFlags, path));
  KTAPE_TRY(harden(database, path));
  return TapeSource{CopyFolder(), std::move(database), false};
}

// Identity of a write-ahead log: its header changes when SQLite restarts it. Empty: no log.
Result<std::vector<std::byte>> wal_header(const std::string& wal) {
  // O_NONBLOCK: a FIFO of that name must not block the reader.
  UniqueFd fd(::open(wal.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (fd.valid() && ::fstat(fd.get(), &status) == 0 && !S_ISREG(status.st_mode))
    return bad_input("'" + wal + "' is not the log of a recording: it is not a regular file");
  std::vector<std::byte> header(kWalHeaderBytes);
  ssize_t n = fd.valid() ? ::pread(fd.get(), header.data(), header.size(), 0) : 0;
  if (n < 0) return system_error(ErrorCode::kHost, "cannot read '" + wal + "'");
  header.resize(static_cast<size_t>(n));
  return header;
}

Result<void> copy_file(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing, error);
  // A log that is gone was checkpointed meanwhile; the next attempt sees that.
  if (error && error != std::errc::no_such_file_or_directory) {
    return system_error(ErrorCode::kHost, "cannot copy '" + from + "' to '" + to + "'",
                        error.value());
  }
  return {};
}

// A recorder may be writing while its files are copied. What it moves from the log into the main
// file in the meantime is still in the log, which is copied last: only a log that was restarted
// meanwhile does not match the copied main file.
Result<void> copy_recording(const std::string& path, const std::string& copy) {
  std::string wal = path + "-wal";
  for (int attempt = 0; attempt < kCopyAttempts; ++attempt) {
    KTAPE_ASSIGN(auto before, wal_header(wal));
    KTAPE_TRY(copy_file(path, copy));
    // No log: everything is in the main file.
    if (before.empty()) return {};
    KTAPE_TRY(copy_file(wal, copy + "-wal"));
    KTAPE_ASSIGN(auto copied, wal_header(copy + "-wal"));
    KTAPE_ASSIGN(auto after, wal_header(wal));
    // The log is the same before and after both copies, so they belong together.
    if (before == copied && before == after) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(1 << attempt));  // let a burst pass
  }
  return Error{ErrorCode::kHost, "cannot copy '" + path + "': it is being recorded too fast",
               "wait until it is sealed"};
}

// Also if the header does not say WAL mode: SQLite would use a log beside a recording.
Result<bool> is_recording(const std::string& path, const Header& header) {
  if (header[kReadVersionAt] == kWalMode) return true;
  if (!is_partial_name(path)) return false;
  KTAPE_ASSIGN(auto wal, wal_header(path + "-wal"));
  return !wal.empty();
}

Result<TapeSource> open_recording(const std::string& path) {
  KTAPE_ASSIGN(CopyFolder folder, CopyFolder::make());
  std::string copy = folder.path() + "/tape";
  KTAPE_TRY(copy_recording(path, copy));
  // Read-write, but a copy: recovering the log changes it.
  KTAPE_ASSIGN(Database database,
               Database::open(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, path));
  // Exclusive: the log's index is then in memory, not in another file.
  KTAPE_TRY(database.execute("PRAGMA locking_mode=EXCLUSIVE"));
  KTAPE_TRY(harden(database, path));
  return TapeSource{std::move(folder), std::move(database), true};
}

// A recorder creates its tables before anything else, in one transaction with a rollback journal:
// until that commits the file is empty, or holds a part of an empty tape. Such a journal also
// exists for a moment while a tape is sealed, whose records are complete by then. It is never
// opened: it can name files to delete.
bool is_stillborn(const std::string& path) {
  if (!is_partial_name(path)) return false;
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (status.st_size == 0) return true;
  if (::stat((path + "-journal").c_str(), &status) != 0 || status.st_size == 0) return false;
  const Result<Header> header = read_header(path);
  if (header.ok() && (*header)[kReadVersionAt] == kWalMode) return false;
  // Immutable, so the journal beside it is not played back.
  const Result<TapeSource> source = open_sealed(path);
  if (!source.ok()) return true;
  const Result<std::string> first = source->database.ask("SELECT seq FROM event LIMIT 1");
  return !first.ok() || first->empty();
}

Error nothing_recorded(const std::string& path) {
  if (auto pid = recorder_at_work(path))
    return bad_input("nothing is recorded in '" + path + "' yet: process " + std::to_string(*pid) +
                     " has just started");
  return bad_input("nothing was recorded in '" + path + "': its recorder died at its start",
                   "remove it");
}

}  // namespace

CopyFolder::~CopyFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

CopyFolder& CopyFolder::operator=(CopyFolder&& other) noexcept {
  // The old folder, if any, goes with `other`.
  std::swap(path_, other.path_);
  return *this;
}

Result<CopyFolder> CopyFolder::make() {
  std::error_code error;
  std::string path = (std::filesystem::temp_directory_path(error) / "ktape-XXXXXX").string();
  if (error || ::mkdtemp(path.data()) == nullptr) {
    return system_error(ErrorCode::kHost, "cannot make a temporary folder '" + path + "'");
  }
  CopyFolder folder;
  folder.path_ = path;
  return folder;
}

Result<TapeSource> open_source(const std::string& path) {
  // Before the header is read, which a stillborn file does not have.
  if (is_stillborn(path)) return nothing_recorded(path);
  KTAPE_ASSIGN(Header header, read_header(path));
  KTAPE_TRY(check_header(path, header));
  KTAPE_ASSIGN(bool recording, is_recording(path, header));
  return recording ? open_recording(path) : open_sealed(path);
}

Result<void> check_length(const std::string& path) {
  KTAPE_ASSIGN(FileLength length, file_length(path));
  if (length.bytes >= length.expected) return {};
  return bad_input("the file is shorter than its header says: " + std::to_string(length.bytes) +
                   " of " + std::to_string(length.expected) + " bytes");
}

Result<void> check_file(const std::string& path) {
  KTAPE_TRY(check_length(path));
  KTAPE_ASSIGN(FileLength length, file_length(path));
  if (length.bytes > length.expected) {
    return bad_input("the file is longer than its database: it has " +
                     std::to_string(length.bytes) + " bytes, its header says " +
                     std::to_string(length.expected));
  }
  KTAPE_ASSIGN(Header header, read_header(path));
  // A sealed tape in WAL mode would make readers look for a log, which could then change what it
  // says.
  if (header[kWriteVersionAt] != kRollbackMode || header[kReadVersionAt] != kRollbackMode) {
    return bad_input(
        "its header does not have a sealed tape's journal mode: write and read version " +
        std::to_string(std::to_integer<int>(header[kWriteVersionAt])) + " and " +
        std::to_string(std::to_integer<int>(header[kReadVersionAt])) + ", not 1 and 1");
  }
  return check_constants(header);
}

}  // namespace ktape
