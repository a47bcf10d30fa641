// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <set>

#include "schema/tape/page_list.h"
#include "schema/tape/reading/tape_size.h"
#include "schema/tape/verify/verify.h"
#include "schema/tape/writing/tape_store.h"
#include "schema/wire/data.h"
#include "tests/schema/tape/every_kind.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_editor.h"
#include "tests/support/temp_dir.h"

// Every table of a tape, and every column of each, changed with SQLite.

namespace ktape::test {

namespace {

class HostileRows {
 public:
  HostileRows() {
    TapeBuilder tape(whole_);
    record_every_kind(tape);
    sealed = tape.seal();
    content_ = content_of(whole_);
  }

  // Runs `statements` on a copy. True if they changed the tape's content, which verify must then
  // find.
  bool changed(const std::string& statements) {
    std::filesystem::copy_file(whole_, copy_, std::filesystem::copy_options::overwrite_existing);
    try {
      sql(copy_, statements);
    } catch (const std::runtime_error&) {
      return false;  // a constraint of the table's does not allow it
    }
    ++tried;
    const bool other = content_of(copy_) != content_;
    INFO(statements);
    const Verification found = must(verify(copy_, std::nullopt));
    CHECK(found.integrity == (other ? Integrity::kAltered : Integrity::kIntact));
    CHECK(!found.finding.empty());
    return other;
  }

  // A copy on which `statements` were run.
  [[nodiscard]] std::string copy_of(const std::string& statements) const {
    std::filesystem::copy_file(whole_, copy_, std::filesystem::copy_options::overwrite_existing);
    sql(copy_, statements);
    return copy_;
  }

  [[nodiscard]] std::vector<std::string> tables() const {
    return sql_rows(whole_, "SELECT name FROM sqlite_master WHERE type = 'table'");
  }
  [[nodiscard]] std::vector<std::string> ask(const std::string& query) const {
    return sql_rows(whole_, query);
  }

  SealedTape sealed;
  uint64_t tried = 0;

 private:
  TempDir dir_;
  std::string whole_ = dir_.file("run.ktape");
  std::string copy_ = dir_.file("copy.ktape");
  std::string content_;
};

std::string first_row(const std::string& key, const std::string& table) {
  return " WHERE " + key + " = (SELECT " + key + " FROM " + table + " ORDER BY 1 LIMIT 1)";
}

}  // namespace

TEST_CASE_METHOD(HostileRows,
                 "the tape that is attacked here has rows in every table, and is intact") {
  for (const std::string& table : tables()) {
    INFO(table);
    CHECK(ask("SELECT count(*) > 0 FROM " + table) == std::vector<std::string>{"1"});
  }
  CHECK_FALSE(changed("SELECT 1"));
}

TEST_CASE_METHOD(HostileRows, "a cell that was edited is found, in every column of every table") {
  for (const std::string& table : tables()) {
    const std::vector<std::string> columns =
        ask("SELECT name FROM pragma_table_info('" + table + "') ORDER BY cid");
    for (const std::string& column : columns) {
      bool found = false;
      const std::string values[] = {
          "NULL", "x'00'", "'text'", "-1", "1.5", column + " || 'x'", column + " + 1"};
      for (const std::string& value : values) {
        found = changed("UPDATE " + table + " SET " + column + " = " + value +
                        first_row(columns[0], table)) ||
                found;
      }
      INFO(table << "." << column);
      CHECK(found);
    }
  }
  std::printf("cells edited: %llu\n", static_cast<unsigned long long>(tried));
}

TEST_CASE_METHOD(HostileRows, "a real number that differs in its last bit is found") {
  // What SQLite stores for an integer from 2^63 on.
  REQUIRE(ask("SELECT max(typeof(offset_bytes)) FROM layout") == std::vector<std::string>{"real"});
  CHECK(changed("UPDATE layout SET offset_bytes = offset_bytes + 4096"));
}

TEST_CASE_METHOD(HostileRows,
                 "a removed row is found, in every table, both the first and the last") {
  for (const std::string& table : tables()) {
    const std::string key =
        ask("SELECT name FROM pragma_table_info('" + table + "') ORDER BY cid LIMIT 1")[0];
    INFO(table);
    for (const char* order : {"min", "max"}) {
      CHECK(changed("DELETE FROM " + table + " WHERE " + key + " = (SELECT " + order + "(" + key +
                    ") FROM " + table + ")"));
    }
    CHECK(changed("DELETE FROM " + table));
  }
}

TEST_CASE_METHOD(HostileRows, "a row that was added is found, in every table") {
  for (const std::string& table : tables()) {
    const std::vector<std::string> columns =
        ask("SELECT name FROM pragma_table_info('" + table + "') ORDER BY cid");
    std::string names, values;
    for (size_t i = 0; i < columns.size(); ++i) {
      names += (i == 0 ? "" : ", ") + columns[i];
      // A new key, of the same type; the other columns as in the existing row.
      const std::string fresh = "CASE typeof(" + columns[i] + ") WHEN 'integer' THEN " +
                                columns[i] + " + 1000 WHEN 'blob' THEN randomblob(32) ELSE " +
                                columns[i] + " || '2' END";
      values += (i == 0 ? "" : ", ") + (i == 0 ? fresh : columns[i]);
    }
    INFO(table);
    CHECK(changed("INSERT INTO " + table + "(" + names + ") SELECT " + values + " FROM " + table +
                  " LIMIT 1"));
  }
}

TEST_CASE_METHOD(HostileRows, "swapped rows are found, in every table that has two") {
  uint64_t swapped = 0;
  for (const std::string& table : tables()) {
    const std::string key =
        ask("SELECT name FROM pragma_table_info('" + table + "') ORDER BY cid LIMIT 1")[0];
    if (ask("SELECT count(DISTINCT " + key + ") FROM " + table)[0] == "1" || table == "page" ||
        table == "blob")
      continue;
    const std::string low = ask("SELECT quote(min(" + key + ")) FROM " + table)[0];
    const std::string high = ask("SELECT quote(max(" + key + ")) FROM " + table)[0];
    const std::string set = "UPDATE " + table + " SET " + key + " = ";
    INFO(table);
    CHECK(changed(set + "-7 WHERE " + key + " = " + low + ";" + set + low + " WHERE " + key +
                  " = " + high + ";" + set + high + " WHERE " + key + " = -7"));
    ++swapped;
  }
  CHECK(swapped >= 10);
}

TEST_CASE_METHOD(HostileRows, "swapped pages are found, within a freeze and between two") {
  CHECK(
      changed("UPDATE freeze_page SET hash = (SELECT hash FROM freeze_page WHERE freeze = 22 AND "
              "hash NOT NULL) "
              "WHERE freeze = 21 AND frame = 100"));
  CHECK(
      changed("UPDATE freeze_page SET freeze = 99 WHERE freeze = 21; UPDATE freeze_page SET freeze "
              "= 21 WHERE "
              "freeze = 22; UPDATE freeze_page SET freeze = 22 WHERE freeze = 99"));
  CHECK(
      changed("UPDATE freeze_page SET frame = 99 WHERE freeze = 21 AND frame = 100; UPDATE "
              "freeze_page SET frame = "
              "100 WHERE freeze = 21 AND frame = 101; UPDATE freeze_page SET frame = 101 WHERE "
              "frame = 99"));
  CHECK(
      changed("UPDATE page SET data = (SELECT max(data) FROM page), codec = (SELECT max(codec) "
              "FROM page)"));
  CHECK(changed("UPDATE freeze_page SET hash = NULL WHERE hash NOT NULL"));
  CHECK(changed("UPDATE freeze_page SET freeze = 4000000 WHERE freeze = 22"));
}

TEST_CASE_METHOD(HostileRows,
                 "claims of a million pages, and of more than there can be, are found") {
  for (const char* frames : {"1000000", "1099511627776", "9223372036854775807", "-1", "0"}) {
    CHECK(
        changed(std::string("UPDATE freeze_page SET frames = ") + frames + " WHERE hash IS NULL"));
    CHECK(changed(std::string("UPDATE freeze_page SET frame = ") + frames +
                  " WHERE freeze = 21 AND frame = 100"));
  }
  CHECK(
      changed("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
              "INSERT INTO freeze_page(freeze, frame, frames) SELECT 21, 1000 + i * 2, 1 FROM n"));
}

TEST_CASE_METHOD(
    HostileRows,
    "a tape that was rewritten with a new chain is found by the recorded head digest") {
  TempDir dir;
  const std::string forged = dir.file("forged.ktape");
  {
    // The same run, except for one value, recorded as ktape records: nothing inside it can show it.
    TapeBuilder tape(forged);
    record_every_kind(tape, 1);
    tape.seal();
  }
  CHECK(must(verify(forged, std::nullopt)).integrity == Integrity::kIntact);
  const Verification found = must(verify(forged, sealed.head));
  CHECK(found.integrity == Integrity::kAltered);
  CHECK(found.finding.find("its head digest is ") == 0);
}

TEST_CASE_METHOD(HostileRows,
                 "a recomputed chain over edited records does not hide them from the projection") {
  const std::string forged =
      copy_of("UPDATE event SET record = CAST(replace(record, 'sleeper', 'slaaper') AS BLOB)");
  chain_again(forged);
  const Verification found = must(verify(forged, std::nullopt));
  CHECK(found.integrity == Integrity::kAltered);
  CHECK_THAT(found.finding, Catch::Matchers::ContainsSubstring(
                                "worker (name 'slaaper'): column 'name' holds 'sleeper'"));
}

TEST_CASE_METHOD(HostileRows, "a record without a kind is measured like any other") {
  const std::string declared = "'kind   INTEGER NOT NULL,', 'kind   INTEGER         ,'";
  const std::string other =
      copy_of("PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = replace(sql, " + declared +
              ") WHERE name = 'event'");
  sql(other, "UPDATE event SET kind = NULL WHERE seq = 3");
  sql(other,
      "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = replace(sql, "
      "'kind   INTEGER         ,', 'kind   INTEGER NOT NULL,') WHERE name = 'event'");
  CHECK(sql_rows(other, "SELECT typeof(kind) FROM event WHERE seq = 3") ==
        std::vector<std::string>{"null"});
  CHECK(must(measure_tape(other)).parts.size() > 1);
}

}  // namespace ktape::test
