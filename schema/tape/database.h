// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "schema/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ktape {

// A prepared statement. Must not outlive its database.
//
// Bound values are not copied: they must live until `step` returned false, `run` returned or
// `reset` was called. A column's value is valid until the next step or reset.
class Statement {
 public:
  Statement() = default;
  // `shown` is the name of the database in error messages.
  Statement(sqlite3_stmt* statement, std::shared_ptr<const std::string> shown)
      : statement_(statement), shown_(std::move(shown)) {}

  [[nodiscard]] bool prepared() const { return statement_ != nullptr; }

  // Parameters count from 1 and columns from 0, as in SQLite.
  void bind(int parameter, int64_t value);
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::span<const std::byte> blob);
  void bind_null(int parameter);

  // True: on a row. False: at the end, and ready for another execution.
  [[nodiscard]] Result<bool> step();
  // Executes a statement that returns no rows.
  [[nodiscard]] Result<void> run();
  void reset();

  [[nodiscard]] int columns() const;
  [[nodiscard]] int type(int column) const;  // SQLITE_INTEGER, SQLITE_TEXT, ...
  [[nodiscard]] std::string name(int column) const;
  [[nodiscard]] int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::span<const std::byte> bytes(int column) const;  // of a blob or text

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::shared_ptr<const std::string> shown_;
  int bind_error_ = 0;  // the first one since the last execution
};

// One connection. Errors are kBadInput if the file is at fault, kHost if the system is.
class Database {
 public:
  // `name`: a path, a "file:" URI, ":memory:", or "" for a private temporary file. `shown` is its
  // name in error messages. `flags` are SQLITE_OPEN_*.
  [[nodiscard]] static Result<Database> open(const std::string& name, int flags,
                                             const std::string& shown);

  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql) const;
  // The single value of a query such as a pragma, as text, after all that it changes is written.
  [[nodiscard]] Result<std::string> ask(std::string_view sql) const;
  // Switches to rollback-journal mode. No one else may have the database open.
  [[nodiscard]] Result<void> leave_wal_mode();
  // Closes and reports errors that the destructor cannot. Every statement must be gone.
  [[nodiscard]] Result<void> close();

  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Database(sqlite3* handle, const std::string& shown)
      : handle_(handle), shown_(std::make_shared<const std::string>(shown)) {}

  std::unique_ptr<sqlite3, Close> handle_;
  std::shared_ptr<const std::string> shown_;
};

}  // namespace ktape
