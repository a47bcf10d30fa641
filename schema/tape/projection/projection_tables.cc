// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/projection_tables.h"

#include <kj/exception.h>

#include <numeric>
#include <set>
#include <string>

namespace ktape {

namespace {

// An INSERT that becomes an UPDATE of the other columns if the key exists. `which`: columns of the
// row, key columns first. Records of one row come one after another (a request, then its reply), so
// the later one sets only its own columns.
std::string put_sql(const Row& row, const std::vector<size_t>& which) {
  std::string columns, values, keys, updates;
  for (const size_t i : which) {
    const std::string name = row.columns[i].name;
    columns.append(columns.empty() ? "" : ", ").append(name);
    values += values.empty() ? "?" : ", ?";
    if (i < key_columns_of(row.shape)) {
      keys.append(keys.empty() ? "" : ", ").append(name);
    } else {
      updates.append(updates.empty() ? "" : ", ").append(name).append(" = excluded.").append(name);
    }
  }
  return std::string("INSERT INTO ") + table_of(row.shape) + "(" + columns + ") VALUES(" + values +
         ") ON CONFLICT(" + keys + ") DO UPDATE SET " + updates;
}

// The names of a table's columns; none if there is no such table.
Result<std::set<std::string>> columns_of(const Database& database, const std::string& table) {
  KTAPE_ASSIGN(Statement query,
               database.prepare("SELECT name FROM pragma_table_info('" + table + "')"));
  std::set<std::string> names;
  for (;;) {
    KTAPE_ASSIGN(const bool row, query.step());
    if (!row) return names;
    names.insert(query.text(0));
  }
}

void bind(Statement& statement, int parameter, const Cell& cell) {
  if (auto integer = std::get_if<int64_t>(&cell)) {
    statement.bind(parameter, *integer);
  } else if (auto text = std::get_if<std::string>(&cell)) {
    statement.bind(parameter, std::string_view(*text));
  } else {
    statement.bind_null(parameter);
  }
}

}  // namespace

Result<std::vector<Row>> project_safely(schema::Record::Reader record) {
  try {
    return project(record);
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kBadInput, exception.getDescription().cStr(), ""};
  }
}

Result<void> ProjectionTables::put(const Database& database, const std::vector<Row>& rows) {
  for (const Row& row : rows) KTAPE_TRY(put_row(database, row));
  return {};
}

Result<ProjectionTables::Put> ProjectionTables::prepare(const Database& database,
                                                        const Row& row) const {
  Put put;
  put.known = true;
  // The usual case: our own tables have all columns, in the row's order.
  if (format_ == kFormatVersion) {
    put.columns.resize(row.columns.size());
    std::iota(put.columns.begin(), put.columns.end(), size_t{0});
  } else {
    KTAPE_ASSIGN(const std::set<std::string> there, columns_of(database, table_of(row.shape)));
    for (size_t i = 0; i < row.columns.size(); ++i) {
      if (there.contains(row.columns[i].name)) put.columns.push_back(i);
    }
    if (put.columns.empty()) return put;
  }
  KTAPE_ASSIGN(put.statement, database.prepare(put_sql(row, put.columns)));
  return put;
}

Result<void> ProjectionTables::put_row(const Database& database, const Row& row) {
  Put& put = puts_[static_cast<size_t>(row.shape)];
  if (!put.known) {
    // A table that an earlier format does not have.
    KTAPE_ASSIGN(put, prepare(database, row));
  }
  if (!put.statement.prepared()) return {};
  for (size_t i = 0; i < put.columns.size(); ++i) {
    bind(put.statement, static_cast<int>(i) + 1, row.columns[put.columns[i]].cell);
  }
  return put.statement.run();
}

void ProjectionTables::release() {
  // Statements keep the connection open, and it could not be closed.
  for (Put& put : puts_) put = Put();
}

}  // namespace ktape
