// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/table_reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "schema/base/text.h"
#include "schema/tape/reading/tape_tables.h"

namespace ktape {

namespace {

// The tables that are not projections.
constexpr std::array<std::string_view, 4> kOtherTables = {"event", "blob", "page", "freeze_page"};

}  // namespace

Result<TableReader> TableReader::open(const std::string& path) {
  KTAPE_ASSIGN(TapeSource source, open_source(path));
  KTAPE_TRY(check_tables(source.database));
  TableReader reader(std::move(source));
  KTAPE_ASSIGN(Statement names,
               reader.source_.database.prepare(
                   "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid"));
  for (;;) {
    KTAPE_ASSIGN(bool row, names.step());
    if (!row) break;
    std::string name = names.text(0);
    // All others that check_tables() has let through are projections.
    if (std::ranges::find(kOtherTables, name) == kOtherTables.end()) reader.tables_.push_back(name);
  }
  return reader;
}

Result<std::vector<std::string>> TableReader::columns(const std::string& table) const {
  if (std::ranges::find(tables_, table) == tables_.end()) {
    return Error{ErrorCode::kNotFound, "there is no table " + in_quotes(table), ""};
  }
  // `table` is one of `tables_`, so it needs no quoting.
  KTAPE_ASSIGN(Statement query, source_.database.prepare("SELECT * FROM " + table));
  std::vector<std::string> columns;
  columns.reserve(static_cast<size_t>(query.columns()));
  for (int i = 0; i < query.columns(); ++i) columns.push_back(query.name(i));
  return columns;
}

Result<void> TableReader::for_each(const std::string& table,
                                   const std::function<Result<void>(const Cells&)>& visit) const {
  KTAPE_ASSIGN(std::vector<std::string> names, columns(table));
  // Without an index, and no table here has one besides its key, SQLite walks a table by its key.
  KTAPE_ASSIGN(Statement query, source_.database.prepare("SELECT * FROM " + table));
  Cells cells(names.size());
  for (;;) {
    KTAPE_ASSIGN(bool row, query.step());
    if (!row) return {};
    for (int i = 0; i < query.columns(); ++i) {
      auto& cell = cells[static_cast<size_t>(i)];
      cell = query.type(i) == SQLITE_NULL ? std::nullopt : std::optional(query.text(i));
    }
    KTAPE_TRY(visit(cells));
  }
}

}  // namespace ktape
