// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tape/sql.h"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace ktape::test {

namespace {

int add_row(void* rows, int columns, char** values, char**) {
  std::string row;
  for (int i = 0; i < columns; ++i)
    row += (i == 0 ? "" : "|") + std::string(values[i] != nullptr ? values[i] : "");
  static_cast<std::vector<std::string>*>(rows)->push_back(row);
  return 0;
}

}  // namespace

void sql(const std::string& path, const std::string& statements) {
  (void)sql_rows(path, statements);
}

std::vector<std::string> sql_rows(const std::string& path, const std::string& query) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> handle(raw, sqlite3_close);
  std::vector<std::string> rows;
  // Nobody needs these files after a power failure.
  if (code == SQLITE_OK)
    code = sqlite3_exec(raw, "PRAGMA synchronous=OFF", nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) code = sqlite3_exec(raw, query.c_str(), add_row, &rows, nullptr);
  if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(raw));
  return rows;
}

}  // namespace ktape::test
