// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/database.h"

#include <sqlite3.h>

#include <cstring>

#include "schema/base/text.h"

namespace ktape {

namespace {

ErrorCode meaning(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    // SQLITE_ERROR here means SQL that does not fit the file's schema: the statements are
    // constants.
    case SQLITE_ERROR: return ErrorCode::kBadInput;
    default: return ErrorCode::kHost;
  }
}

// The last error of the system; 0 if SQLite did not keep it. For a commit that fails, only the log
// has it.
int system_errno(sqlite3* handle) {
  int errnum = sqlite3_system_errno(handle);
  sqlite3_file* log = nullptr;
  // A commit writes the log through its own file object, which keeps its own errno.
  (void)sqlite3_file_control(handle, nullptr, SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (errnum == 0 && log != nullptr && log->pMethods != nullptr)
    (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &errnum);
  return errnum;
}

Error database_error(sqlite3* handle, int code, const std::string& shown, const char* verb) {
  std::string cause = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  // SQLite only says "disk I/O error" or "unable to open database file".
  const bool of_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  const int errnum = of_system && handle != nullptr ? system_errno(handle) : 0;
  if (errnum != 0) cause += std::string(" (") + std::strerror(errnum) + ")";
  return Error{meaning(code),
               std::string("cannot ") + verb + " '" + shown + "': " + printable(cause), ""};
}

Error statement_error(sqlite3_stmt* statement, int code, const std::string& shown) {
  // A pragma that checkpoints the log or changes the mode counts as read-only.
  const int kind = code & 0xff;
  // By the code for I/O errors, since a reading statement may write (checkpoint) and a writing one
  // read.
  const bool reading = kind == SQLITE_IOERR
                           ? code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ
                           : kind != SQLITE_FULL && sqlite3_stmt_readonly(statement) != 0;
  const char* verb = reading ? "read" : "write";
  return database_error(sqlite3_db_handle(statement), code, shown, verb);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Statement::bind(int parameter, int64_t value) {
  int code = sqlite3_bind_int64(statement_.get(), parameter, value);
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
}

void Statement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL instead of an empty string.
  const char* data = text.data() != nullptr ? text.data() : "";
  int code = sqlite3_bind_text64(statement_.get(), parameter, data, text.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
}

void Statement::bind(int parameter, std::span<const std::byte> blob) {
  const void* data = blob.empty() ? "" : static_cast<const void*>(blob.data());
  int code = sqlite3_bind_blob64(statement_.get(), parameter, data, blob.size(), SQLITE_STATIC);
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
}

void Statement::bind_null(int parameter) {
  int code = sqlite3_bind_null(statement_.get(), parameter);
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
}

Result<bool> Statement::step() {
  if (bind_error_ != SQLITE_OK) {
    return statement_error(statement_.get(), std::exchange(bind_error_, SQLITE_OK), *shown_);
  }
  int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  Result<bool> end = false;
  if (code != SQLITE_DONE) end = statement_error(statement_.get(), code, *shown_);
  // reset() after every end, so that the statement neither holds a lock nor its bindings' memory.
  reset();
  return end;
}

Result<void> Statement::run() {
  KTAPE_ASSIGN(bool row, step());
  // A statement without rows that returns one is a mistake in our SQL.
  KTAPE_CHECK(!row);
  return {};
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

int Statement::columns() const { return sqlite3_column_count(statement_.get()); }
int Statement::type(int column) const { return sqlite3_column_type(statement_.get(), column); }
std::string Statement::name(int column) const {
  return sqlite3_column_name(statement_.get(), column);
}
int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  auto raw = bytes(column);
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::span<const std::byte> Statement::bytes(int column) const {
  // The pointer first: asking for it may convert the value, and the size is that of the result.
  auto data = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
  auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  if (data == nullptr) return {};
  return {data, size};
}

// close_v2: statements that still exist keep the connection alive until they are gone.
void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<Database> Database::open(const std::string& name, int flags, const std::string& shown) {
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  // The handle exists also after a failure (sqlite3_open_v2) and holds the message.
  Database database(handle, shown);
  if (code != SQLITE_OK) return database_error(handle, code, shown, "open");
  // Extended codes tell a short read from a full disk.
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

Result<void> Database::execute(const std::string& sql) {
  int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return database_error(handle_.get(), code, *shown_, "use");
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement,
                                nullptr);
  if (code != SQLITE_OK) return database_error(handle_.get(), code, *shown_, "use");
  return Statement(statement, shown_);
}

Result<std::string> Database::ask(std::string_view sql) const {
  KTAPE_ASSIGN(Statement statement, prepare(sql));
  KTAPE_ASSIGN(bool row, statement.step());
  std::string answer = row ? statement.text(0) : std::string();
  // A pragma that returned its row writes what it changes, or fails to, only as it ends.
  while (row) {
    KTAPE_ASSIGN(row, statement.step());
  }
  return answer;
}

Result<void> Database::leave_wal_mode() {
  KTAPE_ASSIGN(std::string mode, ask("PRAGMA journal_mode=DELETE"));
  if (mode == "delete") return {};
  return Error{ErrorCode::kHost, "cannot take '" + *shown_ + "' out of WAL mode", ""};
}

Result<void> Database::close() {
  int code = sqlite3_close(handle_.get());
  if (code != SQLITE_OK) return database_error(handle_.get(), code, *shown_, "close");
  // The handle is gone only if close succeeded.
  (void)handle_.release();
  return {};
}

}  // namespace ktape
