// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "schema/base/file.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/schema/tape/every_kind.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_editor.h"
#include "tests/support/temp_dir.h"

// Tapes whose records, pages and cells all read as recorded, but whose bytes differ.

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr size_t kFilePage = 4096;

class Fixture {
 public:
  Fixture() {
    TapeBuilder tape(path);
    record_every_kind(tape);
    tape.seal();
    REQUIRE(finding() == "every record, blob, page and column is as it was recorded");
  }

  // The finding of verify, "refused: ..." if it is not a tape.
  [[nodiscard]] std::string finding() const {
    const auto found = verify(path, std::nullopt);
    if (!found.ok()) return "refused: " + found.error().message;
    CHECK(found->integrity ==
          (found->finding.starts_with("every record") ? Integrity::kIntact : Integrity::kAltered));
    return found->finding;
  }
  [[nodiscard]] std::string finding_after(const std::string& statements) const {
    sql(path, statements);
    return finding();
  }

  // Runs `statements` while the table's SQL has `other` in place of `text`.
  void as_if(const std::string& text, const std::string& other,
             const std::string& statements) const {
    const auto change = [&](const std::string& from, const std::string& to) {
      sql(path, "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, '" + from +
                    "', '" + to + "')");
    };
    change(text, other);
    sql(path, statements);
    change(other, text);
  }

  void put(size_t at, const std::string& bytes) const {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
  }
  [[nodiscard]] std::string bytes(size_t at, size_t count) const {
    return must(read_text_file(path, size_t{1} << 24)).substr(at, count);
  }

  TempDir dir;
  std::string path = dir.file("run.ktape");
};

std::string big_endian(uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "bytes after a zstd frame are found") {
  const std::string table = GENERATE("page", "blob");
  // A frame that decoders skip; one of nothing; one more byte.
  const std::string more =
      GENERATE("x'502a4d1804000000' || 'evil'", "x'28b52ffd2000010000'", "x'00'");
  CHECK_THAT(finding_after("UPDATE " + table + " SET data = CAST(data || " + more +
                           " AS BLOB) WHERE codec = 1"),
             ContainsSubstring("it is not one whole zstd frame"));
}

TEST_CASE_METHOD(Fixture, "bytes before a zstd frame are found") {
  CHECK_THAT(
      finding_after("UPDATE page SET data = CAST(x'502a4d1804000000' || 'evil' || data AS BLOB)"),
      ContainsSubstring("zstd frame"));
}

TEST_CASE_METHOD(Fixture, "content that is packed differently is found") {
  const std::string other =
      "blobs and pages have the recorded content, but are packed or ordered differently";
  // A page of 4096 newlines.
  const std::string where =
      " WHERE hash = x'" + to_hex(sha256(std::vector<std::byte>(kFilePage, std::byte{'\n'}))) + "'";
  REQUIRE(sql_rows(path, "SELECT codec FROM page" + where) == std::vector<std::string>{"1"});
  SECTION("as it is") {
    CHECK(finding_after("UPDATE page SET codec = 0, data = CAST(replace(hex(zeroblob(2048)), '0', "
                        "char(10)) AS BLOB)" +
                        where) == other);
  }
  SECTION("in a frame of two blocks, each of 2048 times one byte") {
    CHECK(finding_after("UPDATE page SET data = x'28b52ffd60000f0240000a0340000a'" + where) ==
          other);
  }
}

TEST_CASE_METHOD(Fixture, "rows of pages and blobs with other row numbers are found") {
  SECTION("far numbers") {
    CHECK_THAT(finding_after("UPDATE page SET rowid = rowid + 100000"),
               ContainsSubstring("of 'page', has rows that do not count from 1"));
  }
  SECTION("numbers below zero") {
    CHECK_THAT(finding_after("UPDATE blob SET rowid = -rowid"),
               ContainsSubstring("of 'blob', has rows that do not count from 1"));
  }
  SECTION("numbers that changed places") {
    CHECK_THAT(
        finding_after("UPDATE page SET rowid = 99 WHERE rowid = 1; UPDATE page SET rowid = 1 WHERE "
                      "rowid = 2; UPDATE page SET rowid = 2 WHERE rowid = 99"),
        ContainsSubstring("packed or ordered differently"));
  }
  SECTION("of the tables themselves") {
    CHECK_THAT(
        finding_after("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rowid = rowid + 100"),
        ContainsSubstring("of 'sqlite_schema', has rows that do not count from 1"));
  }
}

TEST_CASE_METHOD(
    Fixture, "a name in the schema that is a blob is found, and so is SQL where there is none") {
  CHECK_THAT(
      finding_after(std::string("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET ") +
                    GENERATE("tbl_name = CAST(tbl_name AS BLOB) WHERE name = 'gate'",
                             "sql = CAST(sql AS BLOB) WHERE name = 'gate'",
                             "sql = x'7061796c6f6164' WHERE sql IS NULL",
                             "sql = '' WHERE sql IS NULL")),
      ContainsSubstring("differs from a tape's") || ContainsSubstring("malformed database schema"));
}

TEST_CASE_METHOD(Fixture, "a codec that differs beyond 32 bits is found") {
  const std::string table = GENERATE("page", "blob");
  CHECK_THAT(finding_after("UPDATE " + table + " SET codec = codec + 4294967296"),
             ContainsSubstring(" does not exist"));
}

TEST_CASE_METHOD(Fixture, "a column that the table does not have is found") {
  as_if("  PRIMARY KEY (freeze, frame)\n", "  hidden, PRIMARY KEY (freeze, frame)\n",
        "UPDATE freeze_page SET hidden = 'payload'");
  CHECK_THAT(finding(),
             ContainsSubstring("of 'freeze_page', has a row that has more columns than its table"));
}

TEST_CASE_METHOD(Fixture, "a value in place of a record's number is found") {
  as_if("seq    INTEGER PRIMARY KEY,", "seq    BLOB,",
        "UPDATE event SET seq = 'payload' WHERE rowid = 3");
  REQUIRE(sql_rows(path, "SELECT seq FROM event WHERE seq = 3") == std::vector<std::string>{"3"});
  CHECK_THAT(finding(),
             ContainsSubstring("of 'event', has a row that has a value in place of its key"));
}

TEST_CASE_METHOD(Fixture, "a tape that SQLite rewrote is found, whatever it changed") {
  CHECK_THAT(finding_after(GENERATE("VACUUM", "PRAGMA page_size=8192; VACUUM",
                                    "PRAGMA auto_vacuum=1; VACUUM",
                                    "CREATE TABLE x(a); DROP TABLE x", "PRAGMA schema_version=77")),
             ContainsSubstring("its tables were changed ") || ContainsSubstring("its header has "));
}

TEST_CASE_METHOD(Fixture, "tables that SQLite makes for itself are found") {
  SECTION("of statistics") {
    CHECK_THAT(finding_after("ANALYZE"),
               ContainsSubstring("it has the table 'sqlite_stat1', which is not part of a tape"));
  }
  SECTION("of numbers") {
    CHECK_THAT(
        finding_after("CREATE TABLE x(a INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE x"),
        ContainsSubstring("it has the table 'sqlite_sequence', which is not part of a tape"));
  }
}

TEST_CASE_METHOD(Fixture, "free pages that are not empty are found") {
  const auto pages = static_cast<uint32_t>(std::filesystem::file_size(path) / kFilePage);
  const std::string payload(kFilePage - 8, 'x');
  SECTION("one that is on the list") {
    put(pages * kFilePage,
        big_endian(0) + big_endian(1) + big_endian(pages + 2) + std::string(kFilePage - 12, '\0'));
    put((pages + 1) * kFilePage, "payload" + std::string(kFilePage - 7, '\0'));
    put(28, big_endian(pages + 2) + big_endian(pages + 1) + big_endian(2));
    CHECK(finding() == "page " + std::to_string(pages + 2) + " of the file is free but not empty");
  }
  SECTION("the list itself") {
    put(pages * kFilePage, big_endian(0) + big_endian(0) + payload);
    put(28, big_endian(pages + 1) + big_endian(pages + 1) + big_endian(1));
    CHECK(finding() == "a freelist page has other content");
  }
  SECTION("one that is on no list") {
    put(pages * kFilePage, std::string(kFilePage, 'x'));
    put(28, big_endian(pages + 1));
    CHECK_THAT(finding(), ContainsSubstring("is never used"));
  }
}

TEST_CASE("a tape whose rows were shortened while it was recorded has free pages, and is intact") {
  TempDir dir;
  const std::string path = dir.file("run.ktape");
  TapeBuilder tape(path);
  tape.run_started();
  for (size_t bytes : {100'000, 10}) {
    tape.add([&](schema::Record::Builder record) {
      auto exited = record.initSchedulerExited();
      exited.setId(1);
      exited.setDump(as_data(std::string(bytes, 'd')));
    });
  }
  tape.seal();
  CHECK(sql_rows(path, "PRAGMA freelist_count")[0] != "0");
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE_METHOD(Fixture, "a changed entry of the file's header is found") {
  // Except for SQLite's own data there: how often the file was written, and by which version.
  const auto whole = bytes(0, 100);
  for (size_t at = 0; at < 92; ++at) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 1);
    put(0, other);
    INFO("byte " << at);
    CHECK(finding() != "every record, blob, page and column is as it was recorded");
  }
}

}  // namespace ktape::test
