// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/verify/verify.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "schema/tape/copy/salvage.h"
#include "schema/tape/reading/reader.h"
#include "tests/schema/tape/reference_tape.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using Catch::Matchers::ContainsSubstring;
using test::must;
using test::sql;
using test::sql_rows;
using test::TapeBuilder;
using test::TempDir;

namespace {

class SealedTapeFixture {
 public:
  SealedTapeFixture() : path(dir.file("run.ktape")) {
    TapeBuilder tape(path);
    test::record_reference(tape);
    sealed = tape.seal();
  }

  // The finding of verify after `statements` were run on the file by another program.
  std::string finding_after(const std::string& statements) {
    sql(path, statements);
    Verification verification = must(verify(path, std::nullopt));
    CHECK(verification.integrity == Integrity::kAltered);
    return verification.finding;
  }

  TempDir dir;
  std::string path;
  SealedTape sealed;
};

}  // namespace

TEST_CASE_METHOD(SealedTapeFixture,
                 "a sealed tape is intact, and its head is what the seal returned") {
  Verification verification = must(verify(path, std::nullopt));
  CHECK(verification.integrity == Integrity::kIntact);
  CHECK(verification.finding == "every record, blob, page and column is as it was recorded");
  CHECK(verification.records == sealed.records);
  CHECK(verification.head == sealed.head);
}

TEST_CASE_METHOD(SealedTapeFixture, "a recorded head digest is compared with the tape's") {
  CHECK(must(verify(path, sealed.head)).integrity == Integrity::kIntact);
  Verification other = must(verify(path, sha256(as_bytes("another tape"))));
  CHECK(other.integrity == Integrity::kAltered);
  CHECK_THAT(other.finding,
             ContainsSubstring("not " + to_hex(sha256(as_bytes("another tape"))) + " as expected"));
}

TEST_CASE_METHOD(SealedTapeFixture, "an edited record is found") {
  // The last byte of the message, in the middle of text or in padding.
  auto finding = finding_after(
      "UPDATE event SET record = CAST(substr(record, 1, length(record) - 1) || x'01' AS BLOB) "
      "WHERE seq = 5");
  CHECK(finding == "record 5: its chain value does not follow from it and the records before it");
}

TEST_CASE_METHOD(SealedTapeFixture, "an edited chain value is found") {
  CHECK_THAT(finding_after("UPDATE event SET chain = zeroblob(32) WHERE seq = 3"),
             ContainsSubstring("record 3: "));
}

TEST_CASE_METHOD(SealedTapeFixture, "a record taken out is found") {
  CHECK(finding_after("DELETE FROM event WHERE seq = 4") ==
        "record 5: record 4 is missing before it");
}

TEST_CASE_METHOD(SealedTapeFixture,
                 "a record removed from the end is found because the projection still has it") {
  CHECK_THAT(finding_after("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)"),
             ContainsSubstring("no record says this"));
}

TEST_CASE_METHOD(SealedTapeFixture, "swapped records are found") {
  CHECK_THAT(finding_after(
                 "UPDATE event SET seq = -1 WHERE seq = 2; UPDATE event SET seq = 2 WHERE seq = 3;"
                 "UPDATE event SET seq = 3 WHERE seq = -1"),
             ContainsSubstring("record 2: "));
}

TEST_CASE_METHOD(SealedTapeFixture, "a record added after the seal is found") {
  CHECK_THAT(finding_after("INSERT INTO event SELECT max(seq) + 1, kind, record, chain FROM event"),
             ContainsSubstring("it comes after the Sealed record"));
}

TEST_CASE_METHOD(SealedTapeFixture, "a changed kind is found") {
  CHECK_THAT(finding_after("UPDATE event SET kind = 21 WHERE seq = 1"),
             ContainsSubstring("its row is of kind 21, the record of kind 1"));
}

TEST_CASE_METHOD(SealedTapeFixture, "columns of the wrong type are found") {
  std::string column = GENERATE("kind", "record", "chain");
  CHECK(finding_after("UPDATE event SET " + column + " = 'text' WHERE seq = 2") ==
        "record 2: its row has a column of the wrong type");
}

TEST_CASE_METHOD(SealedTapeFixture,
                 "an edited cell of the projection is found by table, row and column") {
  CHECK(finding_after("UPDATE kernel_op SET value = '7' WHERE tag = 'verify_dsq_vtime'") ==
        "kernel_op (op '2', entry '0'): column 'value' holds '7', the records say "
        "'2592000000000000'");
}

TEST_CASE_METHOD(SealedTapeFixture,
                 "a cell of the projection with the same digits but another type is found") {
  CHECK_THAT(finding_after("UPDATE kernel_op SET value = x'31' WHERE tag = 'verify_rq_nr_running'"),
             ContainsSubstring("column 'value' holds a blob, the records say '1'"));
}

TEST_CASE_METHOD(SealedTapeFixture, "the finding about long text shows where it differs") {
  CHECK(finding_after("UPDATE gate SET expected = printf('%.*c', 100, 'a')") ==
        "gate (seq '16'): column 'expected' holds '" + std::string(60, 'a') +
            "'..., the records say 'on_rq 0 and on_cpu 0'");
  CHECK(finding_after("UPDATE ending SET detail = detail || printf('%.*c', 100, 'a');"
                      "UPDATE gate SET expected = 'on_rq 0 and on_cpu 0'") ==
        "ending (seq '21'): column 'detail' holds '" + std::string(60, 'a') +
            "'..., the records say ''");
}

TEST_CASE_METHOD(SealedTapeFixture, "a finding is safe to print") {
  auto finding = finding_after("UPDATE console SET text = text || char(27) || '[2J'");
  CHECK_THAT(finding, ContainsSubstring("\\x1b[2J"));
  CHECK(finding.find('\x1b') == std::string::npos);
}

TEST_CASE_METHOD(SealedTapeFixture, "a removed or added row of the projection is found") {
  CHECK(finding_after("DELETE FROM gate") == "gate (seq '16'): the row is missing");
  CHECK(finding_after("INSERT INTO step(step, name) VALUES(9, 'more')") ==
        "step (step '9'): no record says this");
}

TEST_CASE_METHOD(SealedTapeFixture, "an edited blob is found, whichever column it is") {
  std::string edit = GENERATE("data = zeroblob(100)", "codec = 0", "codec = 7", "codec = 'zstd'",
                              "name = 'other'", "name = x'00'", "hash = zeroblob(32)",
                              "hash = 'text'", "data = substr(data, 1, length(data) - 1)");
  CHECK_FALSE(finding_after("UPDATE blob SET " + edit).empty());
}

TEST_CASE_METHOD(SealedTapeFixture, "a blob taken out or added is found") {
  CHECK(finding_after("INSERT INTO blob "
                      "VALUES(x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',"
                      "'empty', 0, x'')") == "there are 2 blobs, the Sealed record says 1");
  CHECK(finding_after("DELETE FROM blob") == "there are 0 blobs, the Sealed record says 1");
}

TEST_CASE_METHOD(SealedTapeFixture, "a page that belongs to no freeze is found") {
  CHECK_THAT(
      finding_after("INSERT INTO page "
                    "VALUES(x'ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7',"
                    "0, zeroblob(4096))"),
      ContainsSubstring("belongs to no freeze"));
  CHECK_THAT(finding_after("UPDATE page SET data = zeroblob(4095)"),
             ContainsSubstring("does not match its hash"));
}

TEST_CASE_METHOD(SealedTapeFixture, "pages of a freeze that claims none are found") {
  CHECK_THAT(finding_after("INSERT INTO freeze_page(freeze, frame, frames) VALUES(1, 5, 3)"),
             ContainsSubstring("of freeze 1 do not match its Thawed record"));
  CHECK_THAT(finding_after("UPDATE freeze_page SET freeze = 99"),
             ContainsSubstring("freeze 99, which has no end"));
  CHECK_THAT(finding_after("UPDATE freeze_page SET freeze = 1, frames = 0"),
             ContainsSubstring("neither one page nor"));
}

TEST_CASE_METHOD(SealedTapeFixture,
                 "objects that no tape has are found, and keep the tape from being read") {
  auto [statement, finding] = GENERATE(table<std::string, std::string>(
      {{"CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END",
        "it has the trigger 't', which is not part of a tape"},
       {"CREATE TABLE extra(x)", "it has the table 'extra', which is not part of a tape"},
       {"CREATE VIEW v AS SELECT 1", "it has the view 'v', which is not part of a tape"},
       {"PRAGMA writable_schema=ON; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < "
        "100) "
        "INSERT INTO sqlite_master SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master, "
        "n WHERE "
        "name = 'sqlite_autoindex_blob_1'",
        "it has 'sqlite_autoindex_blob_1' twice"},
       {"CREATE INDEX i ON event(kind)", "it has the index 'i', which is not part of a tape"},
       {"DROP TABLE vcpu", "its table 'vcpu' is missing"},
       {"ALTER TABLE step ADD COLUMN more", "its table 'step' differs from a tape's"}}));
  CHECK(finding_after(statement) == finding);
  auto reader = TapeReader::open(path);
  REQUIRE_FALSE(reader.ok());
  CHECK(reader.error().code == ErrorCode::kBadInput);
  CHECK_THAT(reader.error().message, ContainsSubstring(finding));
}

TEST_CASE_METHOD(SealedTapeFixture, "a schema that is slow to parse is not parsed") {
  std::string clauses = "a, b";
  for (int i = 0; i < 1000; ++i) clauses += ", UNIQUE(a, b)";
  const std::string statement = GENERATE_COPY("CREATE TABLE slow(" + clauses + ")", [] {
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "CREATE TABLE t" + std::to_string(i) + "(a);";
    return many;
  }());
  sql(path, statement);
  const auto verified = verify(path, std::nullopt);
  CHECK((!verified.ok() || verified->integrity == Integrity::kAltered));
  const auto opened = TapeReader::open(path);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == ErrorCode::kBadInput);
  CHECK_THAT(opened.error().message, ContainsSubstring("'" + path + "'"));
}

TEST_CASE_METHOD(SealedTapeFixture, "a blob's name cannot be a blob") {
  CHECK_THAT(finding_after("UPDATE blob SET name = printf('%.5000c', 'x')"),
             ContainsSubstring("has a name of over 4096 bytes"));
}

TEST_CASE_METHOD(SealedTapeFixture, "bytes after the database are found") {
  auto size = std::filesystem::file_size(path);
  std::string junk = GENERATE(std::string("junk"), std::string(4096, '\0'));
  std::ofstream(path, std::ios::app) << junk;
  Verification verification = must(verify(path, sealed.head));
  CHECK(verification.integrity == Integrity::kAltered);
  CHECK(verification.finding == "the file is longer than its database: it has " +
                                    std::to_string(size + junk.size()) +
                                    " bytes, its header says " + std::to_string(size));
}

TEST_CASE_METHOD(SealedTapeFixture, "a tape cut short is found, and how much is missing") {
  auto size = std::filesystem::file_size(path);
  auto left = GENERATE_COPY(size - 1, size - 4096, size / 2, uintmax_t{100});
  std::filesystem::resize_file(path, left);
  Verification verification = must(verify(path, std::nullopt));
  CHECK(verification.integrity == Integrity::kAltered);
  CHECK(verification.finding ==
        "the file is shorter than its header says: " + std::to_string(left) + " of " +
            std::to_string(size) + " bytes");
}

TEST_CASE_METHOD(SealedTapeFixture,
                 "a tape that was switched to WAL mode is found, and salvage switches it back") {
  CHECK(finding_after("PRAGMA journal_mode=WAL") ==
        "its header does not have a sealed tape's journal mode: write and read version 2 and "
        "2, not 1 "
        "and 1");
  Verification salvaged = must(salvage(path, dir.file("saved.ktape")));
  CHECK(salvaged.integrity == Integrity::kIntact);
  CHECK(salvaged.head == sealed.head);
}

TEST_CASE_METHOD(SealedTapeFixture, "a write version of another journal mode is found") {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(18);
  file.put(2);
  file.close();
  Verification verification = must(verify(path, std::nullopt));
  CHECK(verification.integrity == Integrity::kAltered);
  CHECK_THAT(verification.finding,
             ContainsSubstring("write and read version 2 and 1, not 1 and 1"));
}

TEST_CASE_METHOD(SealedTapeFixture, "a tape of a later format is refused, and named") {
  sql(path, "PRAGMA user_version=3");
  auto verification = verify(path, std::nullopt);
  REQUIRE_FALSE(verification.ok());
  CHECK(verification.error().code == ErrorCode::kBadInput);
  CHECK(verification.error().message ==
        "'" + path + "' is a tape of format 3; this build reads formats up to 2");
}

TEST_CASE_METHOD(SealedTapeFixture, "another program's database is not a tape") {
  sql(path, "PRAGMA application_id=7");
  auto verification = verify(path, std::nullopt);
  REQUIRE_FALSE(verification.ok());
  CHECK_THAT(verification.error().message, ContainsSubstring("another program"));
}

TEST_CASE("an unsealed tape is a valid prefix") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  {
    TapeBuilder tape(path);
    test::record_reference(tape);
    must(tape.writer().commit());
    tape.step_started(1, "not committed");
  }
  Verification verification = must(verify(path + ".partial", std::nullopt));
  CHECK(verification.integrity == Integrity::kUnsealed);
  CHECK(verification.finding ==
        "its recorder died before it could seal it; all that was recorded is valid");
  CHECK(verification.hint ==
        "make one file of it with 'ktape verify " + path + ".partial --salvage OUT'");
  CHECK(verification.records == 19);
}

}  // namespace ktape
