// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/tape_tables.h"

#include <map>
#include <string>
#include <string_view>

#include "schema/base/text.h"
#include "schema/tape/tables.h"

namespace ktape {

namespace {

struct Object {
  std::string type;
  std::string table;
  std::string sql;
  std::string types;  // of the row's columns: a blob reads as text
  bool operator==(const Object&) const = default;
};
using Objects = std::map<std::string, Object>;
constexpr size_t kMaxObjects = 100;

Result<Objects> objects_of(const Database& database) {
  // A blob in place of the text would be compared as text.
  KTAPE_ASSIGN(
      Statement query,
      database.prepare(
          "SELECT name, type, tbl_name, CASE typeof(sql) WHEN 'blob' THEN '' ELSE sql END, "
          "typeof(name) || typeof(type) || typeof(tbl_name) || typeof(rootpage) || typeof(sql) "
          "FROM sqlite_master"));
  Objects objects;
  for (;;) {
    KTAPE_ASSIGN(bool row, query.step());
    if (!row) return objects;
    const std::string name = query.text(0);
    // SQLite tolerates several rows of one name. kMaxObjects is above any tape: an untrusted file
    // may have a million names. Which of the two rows a query uses is not defined.
    if (!objects.emplace(name, Object{query.text(1), query.text(2), query.text(3), query.text(4)})
             .second)
      return bad_input("it has " + in_quotes(name) + " twice");
    if (objects.size() > kMaxObjects)
      return bad_input("it has more tables and indexes than any tape");
  }
}

// Adds the objects that SQLite makes of our own tables: it stores each statement from its first
// word to its last.
void add_expected(std::string_view tables, Objects& objects) {
  constexpr std::string_view kCreate = "CREATE TABLE ";
  for (size_t at = tables.find(kCreate); at != std::string_view::npos;) {
    const size_t next = tables.find(kCreate, at + 1);
    const std::string_view whole = tables.substr(at, next - at);
    // SQLite drops what follows the statement, such as a comment, but keeps what is inside.
    const std::string sql(whole.substr(0, whole.rfind(';')));
    const std::string name =
        sql.substr(kCreate.size(), sql.find(' ', kCreate.size()) - kCreate.size());
    objects.emplace(name, Object{"table", name, sql, "texttexttextintegertext"});
    // A key that is neither the row number nor the order of the table has an index.
    const bool indexed =
        sql.find("INTEGER PRIMARY KEY") == std::string::npos && !sql.ends_with("WITHOUT ROWID");
    if (indexed) {
      objects.emplace("sqlite_autoindex_" + name + "_1",
                      Object{"index", name, "", "texttexttextintegernull"});
    }
    at = next;
  }
}

// Not by creating them in an SQLite database: that takes longer than everything else in opening a
// tape.
Objects expected_objects(int32_t format) {
  Objects objects;
  add_expected(kTapeTables, objects);
  add_expected(projection_tables(format), objects);
  return objects;
}

}  // namespace

Result<int32_t> format_of(const Database& database) {
  KTAPE_ASSIGN(const std::string text, database.ask("PRAGMA user_version"));
  for (int32_t version = 1; version <= kFormatVersion; ++version) {
    if (text == std::to_string(version)) return version;
  }
  return bad_input("its format " + text + " is not known to this build");
}

namespace {

Result<void> compare_tables(const Database& database, int32_t format) {
  const Objects expected = expected_objects(format);
  KTAPE_ASSIGN(Objects found, objects_of(database));
  for (const auto& [name, object] : found) {
    if (!expected.contains(name))
      return bad_input("it has the " + printable(object.type) + " " + in_quotes(name) +
                       ", which is not part of a tape");
    // By text: two definitions that mean the same may differ in what they accept, and ours are
    // constants.
    if (expected.at(name) != object)
      return bad_input("its " + object.type + " '" + name + "' differs from a tape's");
  }
  for (const auto& [name, object] : expected) {
    if (!found.contains(name))
      return bad_input("its " + object.type + " '" + name + "' is missing");
  }
  return {};
}

}  // namespace

Result<void> check_record_tables(const Database& database) {
  Objects expected;
  add_expected(kTapeTables, expected);
  KTAPE_ASSIGN(const Objects found, objects_of(database));
  for (const auto& [name, object] : found) {
    const auto own = expected.find(name);
    // An index of a key has no SQL; one that has was added by somebody.
    const bool plain = (object.type == "table" && object.sql.starts_with("CREATE TABLE ")) ||
                       (object.type == "index" && object.sql.empty());
    if (own != expected.end() ? own->second != object : !plain)
      return bad_input("its " + printable(object.type) + " " + in_quotes(name) +
                       " differs from a tape's");
  }
  for (const auto& [name, object] : expected) {
    if (!found.contains(name))
      return bad_input("its " + object.type + " '" + name + "' is missing");
  }
  return {};
}

Result<void> check_tables(const Database& database) {
  KTAPE_ASSIGN(const int32_t format, format_of(database));
  Result<void> same = compare_tables(database, format);
  if (same.ok() || same.error().code != ErrorCode::kBadInput) return same;
  // A format under development: the records are as they should be, and `ktape upgrade` makes the
  // tables anew.
  if (format != kFormatVersion || !check_record_tables(database).ok()) return same;
  return Error{ErrorCode::kBadInput, same.error().message,
               "if another build of ktape recorded it before format " + std::to_string(format) +
                   " was final, rewrite its tables with 'ktape upgrade TAPE OUT'"};
}

}  // namespace ktape
