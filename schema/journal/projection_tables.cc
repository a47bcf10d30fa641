// SPDX-License-Identifier: Apache-2.0
#include "schema/journal/projection_tables.h"

#include <kj/exception.h>

#include <string>

namespace ktape {

namespace {

// INSERT that turns into an UPDATE of the other columns where the key is there already.
std::string put_sql(const Row& row) {
  std::string columns, values, keys, updates;
  for (size_t i = 0; i < row.columns.size(); ++i) {
    std::string name = row.columns[i].name;
    columns += (i == 0 ? "" : ", ") + name;
    values += i == 0 ? "?" : ", ?";
    if (i < key_columns_of(row.shape)) {
      keys += (i == 0 ? "" : ", ") + name;
    } else {
      updates.append(updates.empty() ? "" : ", ").append(name).append(" = excluded.").append(name);
    }
  }
  return std::string("INSERT INTO ") + table_of(row.shape) + "(" + columns + ") VALUES(" + values +
         ") ON CONFLICT(" + keys + ") DO UPDATE SET " + updates;
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

Result<void> ProjectionTables::put_row(const Database& database, const Row& row) {
  Statement& statement = statements_[static_cast<size_t>(row.shape)];
  if (!statement.prepared()) {
    KTAPE_ASSIGN(statement, database.prepare(put_sql(row)));
  }
  for (size_t i = 0; i < row.columns.size(); ++i) {
    bind(statement, static_cast<int>(i) + 1, row.columns[i].cell);
  }
  return statement.run();
}

void ProjectionTables::release() {
  for (Statement& statement : statements_) statement = Statement();
}

}  // namespace ktape
