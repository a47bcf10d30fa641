// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <algorithm>
#include <bit>
#include <set>

#include "schema/base/text.h"
#include "schema/tape/projection/projection.h"
#include "schema/tape/verify/verify_parts.h"

namespace ktape {

namespace {

constexpr size_t kMaxShown = 60;  // bytes of a cell
constexpr size_t kContext = 10;

bool same_cell(const Statement& a, const Statement& b, int column) {
  // A number stored as text compares equal in a query, but is not what was written.
  if (a.type(column) != b.type(column)) return false;
  switch (a.type(column)) {
    case SQLITE_NULL: return true;
    case SQLITE_INTEGER: return a.integer(column) == b.integer(column);
    // As text its last digits would be lost. As bits: NaN is not equal to itself, and -0 is equal
    // to 0.
    case SQLITE_FLOAT:
      return std::bit_cast<uint64_t>(a.real(column)) == std::bit_cast<uint64_t>(b.real(column));
    default: return std::ranges::equal(a.bytes(column), b.bytes(column));
  }
}

// A cell in printable form, from `from` on.
std::string shown(const Statement& row, int column, size_t from = 0) {
  if (row.type(column) == SQLITE_NULL) return "nothing";
  if (row.type(column) == SQLITE_BLOB) return "a blob";
  std::string text = row.text(column);
  std::string cut = text.substr(std::min(from, text.size()), kMaxShown);
  return (from > 0 ? "..." : "") + in_quotes(cut) + (from + cut.size() < text.size() ? "..." : "");
}

// The position at which two long cells begin to differ, with some of the text before it.
size_t first_difference(const Statement& a, const Statement& b, int column) {
  auto left = a.bytes(column), right = b.bytes(column);
  auto at = static_cast<size_t>(std::ranges::mismatch(left, right).in1 - left.begin());
  return at + kContext < kMaxShown ? 0 : at - kContext;
}

// "kernel_op (op 2, entry 0)"
std::string where(const std::string& table, const Statement& row, int keys) {
  std::string text = table + " (";
  for (int i = 0; i < keys; ++i) text += (i == 0 ? "" : ", ") + row.name(i) + " " + shown(row, i);
  return text + ")";
}

Result<void> compare_rows(const std::string& table, const Statement& found,
                          const Statement& expected, int keys) {
  for (int column = 0; column < expected.columns(); ++column) {
    if (same_cell(found, expected, column)) continue;
    size_t from = first_difference(found, expected, column);
    return bad_input(where(table, expected, keys) + ": column '" + expected.name(column) +
                     "' holds " + shown(found, column, from) + ", the records say " +
                     shown(expected, column, from));
  }
  return {};
}

// The tables of later formats that an earlier one has as well.
Result<std::set<std::string>> tables_of(const Database& database) {
  KTAPE_ASSIGN(Statement query,
               database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'"));
  std::set<std::string> tables;
  for (;;) {
    KTAPE_ASSIGN(const bool row, query.step());
    if (!row) return tables;
    tables.insert(query.text(0));
  }
}

// A table's primary key is its first columns.
Result<void> compare_table(const Database& tape, const Database& expected, const std::string& table,
                           int keys) {
  std::string sql = "SELECT * FROM " + table + " ORDER BY 1";
  for (int key = 2; key <= keys; ++key) sql += ", " + std::to_string(key);
  KTAPE_ASSIGN(Statement found, tape.prepare(sql));
  KTAPE_ASSIGN(Statement wanted, expected.prepare(sql));
  for (;;) {
    // Both are in the order of the key, so the first row that differs is the one that was changed.
    KTAPE_ASSIGN(bool more_found, found.step());
    KTAPE_ASSIGN(bool more_wanted, wanted.step());
    if (!more_found && !more_wanted) return {};
    if (!more_wanted) return bad_input(where(table, found, keys) + ": no record says this");
    if (!more_found) return bad_input(where(table, wanted, keys) + ": the row is missing");
    KTAPE_TRY(compare_rows(table, found, wanted, keys));
  }
}

}  // namespace

Result<void> check_projection(const Database& tape, const Database& expected) {
  // The tables that are still to be compared. Of an earlier format, fewer; check_tables() has made
  // sure that there are no others.
  KTAPE_ASSIGN(std::set<std::string> tables, tables_of(expected));
  for (size_t i = 0; i < static_cast<size_t>(RowShape::kCount); ++i) {
    auto shape = static_cast<RowShape>(i);
    if (tables.erase(table_of(shape)) == 0) continue;
    KTAPE_TRY(
        compare_table(tape, expected, table_of(shape), static_cast<int>(key_columns_of(shape))));
  }
  return {};
}

}  // namespace ktape
