// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/tape_size.h"

#include <capnp/schema.h>

#include <map>

#include "schema/base/text.h"
#include "schema/record.capnp.h"
#include "schema/tape/reading/tape_source.h"
#include "schema/tape/reading/tape_tables.h"

namespace ktape {

namespace {

// The bytes of SQLite's b-trees, by the table that they belong to.
Result<std::map<std::string, uint64_t>> tree_bytes(const Database& tape) {
  // Indexes are counted with their table, which is where dbstat does not put them.
  auto query = tape.prepare(
      "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat AS d LEFT JOIN sqlite_schema "
      "AS s"
      " ON s.name = d.name GROUP BY 1");
  if (!query.ok()) {
    return Error{ErrorCode::kHost,
                 "this system's SQLite cannot report sizes: " + query.error().message,
                 "use a SQLite built with SQLITE_ENABLE_DBSTAT_VTAB, such as Debian's"};
  }
  std::map<std::string, uint64_t> bytes;
  for (;;) {
    KTAPE_ASSIGN(bool row, query->step());
    if (!row) return bytes;
    bytes[query->text(0)] = static_cast<uint64_t>(query->integer(1));
  }
}

// Adds a part for each row of a query of name, count and bytes. Returns the sum of the bytes.
Result<uint64_t> add_parts(const Database& tape, const std::string& group, const char* sql,
                           TapeSize& size) {
  KTAPE_ASSIGN(Statement query, tape.prepare(sql));
  uint64_t all = 0;
  for (;;) {
    KTAPE_ASSIGN(bool row, query.step());
    if (!row) return all;
    SizePart part{group, printable(query.text(0)), static_cast<uint64_t>(query.integer(1)),
                  static_cast<uint64_t>(query.integer(2))};
    all += part.bytes;
    size.parts.push_back(std::move(part));
  }
}

// The content of a large table in parts, and the bytes that its trees take beyond that.
Result<void> add_table(const Database& tape, const char* table, const std::string& group,
                       const char* sql, std::map<std::string, uint64_t>& trees, uint64_t& overhead,
                       TapeSize& size) {
  KTAPE_ASSIGN(uint64_t content, add_parts(tape, group, sql, size));
  uint64_t pages = trees[table];
  trees.erase(table);
  // Content cannot be larger than the pages that hold it.
  if (content > pages)
    return Error{ErrorCode::kBadInput, "the database is damaged: its pages do not add up", ""};
  overhead += pages - content;
  return {};
}

std::string kind_name(uint16_t kind) {
  for (auto field : capnp::Schema::from<schema::Record>().getUnionFields()) {
    if (field.getProto().getDiscriminantValue() == kind) return field.getProto().getName().cStr();
  }
  return "kind " + std::to_string(kind);
}

// Replaces the numbers of kinds by their names.
void name_kinds(TapeSize& size) {
  for (SizePart& part : size.parts) {
    if (part.group != "records") continue;
    part.name = kind_name(static_cast<uint16_t>(std::stoul(part.name)));
  }
}

}  // namespace

Result<TapeSize> measure_tape(const std::string& path) {
  KTAPE_ASSIGN(TapeSource source, open_source(path));
  const Database& tape = source.database;
  KTAPE_TRY(check_tables(tape));
  KTAPE_ASSIGN(auto trees, tree_bytes(tape));
  TapeSize size;
  KTAPE_ASSIGN(
      Statement pages,
      tape.prepare("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"));
  KTAPE_ASSIGN(bool answered, pages.step());
  if (!answered) return Error{ErrorCode::kBadInput, "the size of the database is not known", ""};
  size.file_bytes = static_cast<uint64_t>(pages.integer(0));

  // The large tables in parts; what is then left in `trees` are small ones.
  uint64_t overhead = 0;
  KTAPE_TRY(add_table(tape, "event", "records",
                      "SELECT coalesce(kind, 0) & 65535, count(*), sum(length(record) + "
                      "length(chain)) FROM event GROUP BY 1 "
                      "ORDER BY 3 DESC, 1",
                      trees, overhead, size));
  name_kinds(size);
  KTAPE_TRY(
      add_table(tape, "blob", "blobs",
                "SELECT name, count(*), sum(length(data)) FROM blob GROUP BY 1 ORDER BY 3 DESC, 1",
                trees, overhead, size));
  KTAPE_TRY(add_table(tape, "page", "memory",
                      "SELECT 'pages', count(*), coalesce(sum(length(data)), 0) FROM page", trees,
                      overhead, size));
  KTAPE_ASSIGN(Statement listed, tape.prepare("SELECT count(*) FROM freeze_page"));
  KTAPE_ASSIGN(answered, listed.step());
  size.parts.push_back({"memory", "list of each freeze's pages",
                        static_cast<uint64_t>(listed.integer(0)), trees["freeze_page"]});
  trees.erase("freeze_page");
  uint64_t schema_bytes = trees["sqlite_schema"];
  trees.erase("sqlite_schema");
  for (const auto& [table, bytes] : trees) {
    KTAPE_ASSIGN(Statement rows, tape.prepare("SELECT count(*) FROM \"" + table + "\""));
    KTAPE_ASSIGN(answered, rows.step());
    size.parts.push_back({"tables", table, static_cast<uint64_t>(rows.integer(0)), bytes});
  }
  size.parts.push_back({"sqlite", "page and cell headers, free space within pages", 0, overhead});
  size.parts.push_back({"sqlite", "table definitions", 0, schema_bytes});
  uint64_t used = 0;
  for (const SizePart& part : size.parts) used += part.bytes;
  // Pages that two trees share: damage that a query does not notice.
  if (used > size.file_bytes) {
    return Error{ErrorCode::kBadInput, "the database is damaged: its pages do not add up", ""};
  }
  size.parts.push_back({"sqlite", "unused pages", 0, size.file_bytes - used});
  return size;
}

}  // namespace ktape
