// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "schema/base/child.h"
#include "schema/tape/copy/upgrade.h"
#include "schema/tape/tables.h"
#include "schema/tape/verify/verify.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

// Tapes of format 1 are read with the tables with which they were made, and upgraded to the current
// ones.

namespace ktape::test {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string kOld = KTAPE_TAPES "/cold_path_roundtrip-6.16.12.ktape";

struct UpgradeFixture {
  // A copy of a tape of format 1, on which `statements` were run.
  [[nodiscard]] std::string old_tape(const std::string& statements = "") const {
    const std::string path = folder.file("old.ktape");
    fs::copy_file(kOld, path, fs::copy_options::overwrite_existing);
    if (!statements.empty()) sql(path, statements);
    return path;
  }
  [[nodiscard]] std::string out() const { return folder.file("new.ktape"); }

  TempDir folder;
};

std::vector<std::string> truth_of(const std::string& path) {
  std::vector<std::string> all;
  for (const char* query :
       {"SELECT seq, kind, hex(record), hex(chain) FROM event ORDER BY seq",
        "SELECT rowid, hex(hash), name, codec, hex(data) FROM blob ORDER BY rowid",
        "SELECT rowid, hex(hash), codec, hex(data) FROM page ORDER BY rowid",
        "SELECT freeze, frame, frames, hex(hash) FROM freeze_page ORDER BY freeze, frame"}) {
    for (std::string& row : sql_rows(path, query)) all.push_back(std::move(row));
  }
  return all;
}

std::string shown(const std::string& path) {
  return must(run_child(KTAPE_BIN "/ktape-show", {path}, 1 << 24)).output;
}

std::vector<std::string> golden_tapes() {
  std::vector<std::string> tapes;
  for (const auto& entry : fs::directory_iterator(KTAPE_TAPES)) {
    if (entry.path().extension() == ".ktape") tapes.push_back(entry.path().string());
  }
  return tapes;
}

}  // namespace

TEST_CASE_METHOD(
    UpgradeFixture,
    "an upgraded tape has the records, pages and blobs of the old one, and new tables") {
  const UpgradedTape made = must(upgrade(old_tape(), out()));
  CHECK(made.from_format == 1);
  CHECK(made.tape.path == out());
  const Verification before = must(verify(kOld, std::nullopt));
  CHECK(must(verify(out(), before.head)).integrity == Integrity::kIntact);
  CHECK(truth_of(out()) == truth_of(kOld));
  CHECK(sql_rows(out(), "PRAGMA user_version") == std::vector{std::to_string(kFormatVersion)});
  CHECK(sql_rows(out(), "SELECT count(*) > 0 FROM guest_fact WHERE subject = 'topology'") ==
        std::vector<std::string>{"1"});
  CHECK(sql_rows(out(), "SELECT memory_mode FROM run") == std::vector<std::string>{"sched"});
  CHECK_THROWS(sql_rows(kOld, "SELECT memory_mode FROM run"));
}

TEST_CASE_METHOD(UpgradeFixture, "every golden tape can be upgraded, and is shown as before") {
  for (const std::string& tape : golden_tapes()) {
    INFO(tape);
    fs::remove(out());
    must(upgrade(tape, out()));
    CHECK(must(verify(out(), std::nullopt)).integrity == Integrity::kIntact);
    std::string text = shown(out());
    text.replace(text.find(out()), out().size(), tape);
    CHECK(text == shown(tape));
  }
}

TEST_CASE_METHOD(UpgradeFixture, "an upgrade of a tape of the current format is the same tape") {
  must(upgrade(kOld, folder.file("once.ktape")));
  const UpgradedTape twice = must(upgrade(folder.file("once.ktape"), out()));
  CHECK(twice.from_format == kFormatVersion);
  CHECK(truth_of(out()) == truth_of(kOld));
}

TEST_CASE_METHOD(UpgradeFixture, "an edited cell of a table of format 1 is found") {
  const Verification found = must(verify(
      old_tape("UPDATE kernel_op SET value = '7' WHERE op = 2 AND entry = 0"), std::nullopt));
  CHECK(found.integrity == Integrity::kAltered);
  CHECK_THAT(found.finding,
             ContainsSubstring("kernel_op (op '2', entry '0'): column 'value' holds '7'"));
}

TEST_CASE_METHOD(UpgradeFixture,
                 "a tape of format 1 with a table or a version of a later format is altered") {
  CHECK_THAT(
      must(verify(old_tape("CREATE TABLE oops(seq INTEGER PRIMARY KEY)"), std::nullopt)).finding,
      ContainsSubstring("the table 'oops', which is not part of a tape"));
  CHECK(must(verify(old_tape("PRAGMA user_version=2"), std::nullopt)).integrity ==
        Integrity::kAltered);
}

TEST_CASE_METHOD(UpgradeFixture, "an altered tape is not upgraded, and nothing is left") {
  const auto made = upgrade(old_tape("UPDATE gate SET observed = 'x' WHERE gate = 3"), out());
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code == ErrorCode::kBadInput);
  CHECK_THAT(made.error().message, ContainsSubstring("is altered: gate (seq"));
  CHECK_FALSE(fs::exists(out()));
  CHECK_FALSE(fs::exists(out() + ".partial"));
}

TEST_CASE_METHOD(
    UpgradeFixture,
    "a tape that another build made before the format was final gets the current tables") {
  const std::string tape = folder.file("other.ktape");
  must(upgrade(kOld, tape));
  sql(tape,
      "ALTER TABLE ending DROP COLUMN detail; DROP TABLE gate; CREATE TABLE later(seq INTEGER "
      "PRIMARY KEY)");
  const Verification found = must(verify(tape, std::nullopt));
  CHECK(found.integrity == Integrity::kAltered);
  CHECK_THAT(found.hint, ContainsSubstring("'ktape upgrade TAPE OUT'"));
  must(upgrade(tape, out()));
  CHECK(must(verify(out(), std::nullopt)).integrity == Integrity::kIntact);
  CHECK(truth_of(out()) == truth_of(kOld));
}

TEST_CASE_METHOD(UpgradeFixture,
                 "records that were changed are not upgraded, whatever the tables are") {
  const std::string tape = folder.file("other.ktape");
  const std::string change =
      GENERATE("DELETE FROM event WHERE seq = 9", "DELETE FROM page WHERE rowid = 1",
               "UPDATE blob SET name = 'x' WHERE rowid = 1",
               "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
               "DROP TABLE freeze_page", "CREATE VIEW later AS SELECT * FROM event",
               "CREATE TRIGGER later AFTER INSERT ON event BEGIN SELECT 1; END");
  INFO(change);
  must(upgrade(kOld, tape));
  sql(tape, "ALTER TABLE ending DROP COLUMN detail; " + change);
  const auto made = upgrade(tape, out());
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code == ErrorCode::kBadInput);
  CHECK_THAT(made.error().message, ContainsSubstring("is altered: "));
  CHECK_FALSE(fs::exists(out()));
}

TEST_CASE_METHOD(UpgradeFixture, "an unsealed tape is not upgraded: salvage is the remedy") {
  TapeBuilder tape(folder.file("run.ktape"));
  tape.run_started();
  must(tape.writer().commit());
  const auto made = upgrade(folder.file("run.ktape.partial"), out());
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code == ErrorCode::kRefused);
  CHECK_THAT(made.error().message, ContainsSubstring("is not sealed"));
}

TEST_CASE_METHOD(UpgradeFixture, "an upgrade overwrites nothing") {
  const auto made = upgrade(kOld, old_tape());
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code == ErrorCode::kUsage);
}

TEST_CASE_METHOD(UpgradeFixture, "ktape upgrade reports what it made, also as JSON") {
  const std::string head = to_hex(must(verify(kOld, std::nullopt)).head);
  ChildResult text = must(run_child(KTAPE_BIN "/ktape-upgrade", {kOld, out()}, 1 << 20));
  CHECK(text.exit_status == 0);
  CHECK_THAT(text.output, ContainsSubstring("format  2, was 1\nhead    " + head + "\n"));
  ChildResult json = must(
      run_child(KTAPE_BIN "/ktape-upgrade", {kOld, folder.file("b.ktape"), "--json"}, 1 << 20));
  CHECK_THAT(json.output, ContainsSubstring("\"fromFormat\":1,\"toFormat\":2,"));
  CHECK_THAT(json.output, ContainsSubstring("\"head\":\"" + head + "\"}"));
  CHECK(must(run_child(KTAPE_BIN "/ktape-upgrade", {kOld, out()}, 1 << 20)).exit_status == 2);
}

}  // namespace ktape::test
