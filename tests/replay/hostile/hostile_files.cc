// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/replay/hostile/hostile_tapes.h"
#include "tests/support/tape/sql.h"

namespace ktape::test {

namespace {

namespace fs = std::filesystem;

Attack statement(const std::string& name, const std::string& sql_text) {
  return {name, [=](const std::string& path) { sql(path, sql_text); }};
}

void put(const std::string& path, size_t at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file << bytes;
}

Attack bytes(const std::string& name, size_t at, const std::string& what) {
  return {name, [=](const std::string& path) { put(path, at, what); }};
}

Attack cut(const std::string& name, double part) {
  return {name, [=](const std::string& path) {
            fs::resize_file(
                path, static_cast<uintmax_t>(static_cast<double>(fs::file_size(path)) * part));
          }};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// A rollback journal that would reset the first page of the database to zeros: SQLite applies one
// that it finds.
std::string journal_of_a_stranger(const std::string& path) {
  const std::string magic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  const auto word = [](uint32_t value) {
    std::string text;
    for (int i = 3; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
    return text;
  };
  const auto pages = static_cast<uint32_t>(fs::file_size(path) / 4096);
  std::string journal = magic + word(1) + word(0) + word(pages) + word(512) + word(4096);
  journal.resize(512);
  // A page's checksum: the nonce and every 200th byte, all zero here.
  return journal + word(1) + std::string(4096, '\0') + word(0);
}

// Every 4096 bytes is a page; each of the first ones gets this content.
void fill_pages(const std::string& path, const std::string& page) {
  const size_t pages = fs::file_size(path) / 4096;
  for (size_t i = 1; i < pages; ++i) put(path, i * 4096, page);
}

std::string big_endian(size_t value, size_t bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes) & 0xff);
  return text;
}

// A table as a tower of pages, each with 300 children that are all the next one: 300^8 ways to its
// rows.
Attack tower(const std::string& table) {
  return {"a tower of pages under " + table, [=](const std::string& path) {
            constexpr size_t kPage = 4096, kChildren = 300, kFloors = 8, kCell = 5;
            const size_t pages = fs::file_size(path) / kPage;
            const std::string asked =
                "SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'";
            const size_t root = std::stoul(sql_rows(path, asked)[0]);
            std::string rows(kPage, '\0');
            std::ifstream(path, std::ios::binary)
                .seekg(static_cast<std::streamoff>((root - 1) * kPage))
                .read(rows.data(), kPage);
            for (size_t floor = 0; floor < kFloors; ++floor) {
              const size_t child = pages + floor + 1;
              std::string cells, pointers;
              for (size_t i = 0; i < kChildren; ++i) {
                cells += big_endian(child, 4) + static_cast<char>(i % 100 + 1);
                pointers += big_endian(kPage - kCell * (kChildren - i), 2);
              }
              std::string page = "\5" + big_endian(0, 2) + big_endian(kChildren, 2) +
                                 big_endian(kPage - kCell * kChildren, 2) + '\0' +
                                 big_endian(child, 4) + pointers;
              page.resize(kPage - cells.size());
              put(path, ((floor == 0 ? root : child - 1) - 1) * kPage, page + cells);
            }
            put(path, (pages + kFloors - 1) * kPage, rows);
            put(path, 28, big_endian(pages + kFloors, 4));
          }};
}

// Tables that SQLite takes long to parse: each pair of sixty columns has to be unique.
Attack pairs(size_t tables) {
  return {std::to_string(tables) + " tables of pairs of columns", [=](const std::string& path) {
            std::string columns, unique;
            for (int i = 0; i < 60; ++i) {
              columns += (i == 0 ? "c" : ", c") + std::to_string(i);
              for (int j = 0; j < 60; ++j) {
                if (i != j)
                  unique += ", UNIQUE(c" + std::to_string(i) + ", c" + std::to_string(j) + ")";
              }
            }
            std::string all = "PRAGMA writable_schema=ON; BEGIN;";
            for (size_t i = 0; i < tables; ++i) {
              const std::string name = "z" + std::to_string(i);
              all += "INSERT INTO sqlite_schema VALUES('table', '" + name + "', '" + name +
                     "', 3, 'CREATE TABLE " + name + "(" + columns + unique + ")');";
            }
            sql(path, all + "COMMIT");
          }};
}

// An interior page of a table whose only child is itself.
std::string page_of_itself(size_t page) {
  std::string bytes(12, '\0');
  bytes[0] = 5;  // interior page of a table
  bytes[11] = static_cast<char>(page);
  return bytes;
}

}  // namespace

// A file that is not a tape, or one with a file beside it that no recorder leaves.
std::vector<Attack> unusable_files() {
  using namespace std::string_literals;
  std::vector<Attack> attacks = {
      {"empty", [](const std::string& path) { fs::resize_file(path, 0); }},
      {"text", [](const std::string& path) { write_file(path, "not a tape\n"); }},
      {"a folder", [](const std::string& path) { fs::remove(path), fs::create_directory(path); }},
      {"a FIFO", [](const std::string& path) { fs::remove(path), ::mkfifo(path.c_str(), 0600); }},
      {"a link to nowhere",
       [](const std::string& path) { fs::remove(path), fs::create_symlink("nowhere", path); }},
      {"a link to /dev/zero",
       [](const std::string& path) { fs::remove(path), fs::create_symlink("/dev/zero", path); }},
      bytes("format 3", 60, "\0\0\0\3"s),
      bytes("format 2^31 - 1", 60, "\x7f\xff\xff\xff"),
      bytes("format 0", 60, "\0\0\0\0"s),
      bytes("format -1", 60, "\xff\xff\xff\xff"),
      bytes("of another program", 68, "nope"),
      {"a log that is /dev/zero",
       [](const std::string& path) {
         put(path, 18, "\2\2"), fs::create_symlink("/dev/zero", path + "-wal");
       }},
      {"a log that is a FIFO",
       [](const std::string& path) {
         put(path, 18, "\2\2"), ::mkfifo((path + "-wal").c_str(), 0600);
       }},
      {"a log that is a folder",
       [](const std::string& path) { put(path, 18, "\2\2"), fs::create_directory(path + "-wal"); }},
  };
  for (Attack& attack : attacks) attack.verdict = "unusable";
  return attacks;
}

std::vector<Attack> file_attacks() {
  using namespace std::string_literals;
  std::vector<Attack> attacks = {
      cut("its header alone", 0.0008),
      cut("a fifth of it", 0.2),
      cut("most of it", 0.9),
      bytes("pages of 64 KiB", 16, "\0\1"s),
      bytes("pages of 3 bytes", 16, "\0\3"s),
      bytes("two thousand million pages", 28, "\x7f\xff\xff\xff"),
      bytes("in WAL mode", 18, "\2\2"),
      bytes("of UTF-16", 59, "\2"),
      bytes("a freelist in a circle", 32, "\0\0\0\2\0\0\0\5"s),
      bytes("a schema page of itself", 100, page_of_itself(1)),
      {"every page of itself",
       [](const std::string& path) {
         for (size_t page = 2; page < 32; ++page)
           put(path, (page - 1) * 4096, page_of_itself(page));
       }},
      {"every page of the highest bytes",
       [](const std::string& path) { fill_pages(path, std::string(4096, '\xff')); }},
      {"sparse to 1 TiB",
       [](const std::string& path) { fs::resize_file(path, uintmax_t{1} << 40); }},
      {"a stranger's journal beside it",
       [](const std::string& path) { write_file(path + "-journal", journal_of_a_stranger(path)); },
       "intact"},
      {"a stranger's log beside it",
       [](const std::string& path) {
         write_file(path + "-wal", "\x37\x7f\x06\x82" + std::string(5000, '\1'));
       },
       "intact"},
      {"a log of garbage",
       [](const std::string& path) {
         put(path, 18, "\2\2"), write_file(path + "-wal", std::string(10000, 'x'));
       }},
  };
  std::ranges::move(unusable_files(), std::back_inserter(attacks));
  for (const char* table : {"event", "console", "gate", "blob"}) attacks.push_back(tower(table));
  return attacks;
}

std::vector<Attack> database_attacks() {
  const std::string many =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) ";
  return {
      statement("a trigger", "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END"),
      statement("a view in place of a table",
                "DROP TABLE gate; CREATE VIEW gate AS SELECT 1 AS seq"),
      statement("a view that never ends",
                "DROP TABLE gate; CREATE VIEW gate AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                "SELECT i FROM n) "
                "SELECT i AS seq FROM n"),
      statement("one more table", "CREATE TABLE extra(x)"),
      {"a thousand more tables",
       [](const std::string& path) {
         std::string all = "BEGIN;";
         for (int i = 0; i < 1000; ++i) all += "CREATE TABLE extra" + std::to_string(i) + "(x);";
         sql(path, all + "COMMIT");
       },
       "unusable"},
      statement("an index", "CREATE INDEX i ON event(kind)"),
      statement("a check that is slow",
                "DROP TABLE gate; CREATE TABLE gate(seq CHECK(length(hex(zeroblob(1000000)))))"),
      statement("a column that is computed",
                "DROP TABLE gate; CREATE TABLE gate(seq, x AS (zeroblob(1000000000)) VIRTUAL)"),
      statement("a table that is missing", "DROP TABLE vcpu"),
      statement("a name that writes to terminals", "CREATE TABLE \"\x1b[2J\x1b]0;x\x07\"(x)"),
      pairs(1),
      pairs(20),
      statement(
          "one name a hundred times, then a table, a view and a trigger of others",
          "CREATE TABLE evil(x); INSERT INTO evil VALUES('payload'); PRAGMA writable_schema=ON; " +
              many.substr(0, many.find("200000")) +
              "100) INSERT INTO sqlite_schema SELECT s.* FROM n, sqlite_schema s WHERE s.name = "
              "'sqlite_autoindex_page_1'; INSERT INTO sqlite_schema VALUES('view', 'v', 'v', 0, "
              "'CREATE VIEW v AS "
              "SELECT 1'), ('trigger', 'tr', 'event', 0, 'CREATE TRIGGER tr AFTER INSERT ON event "
              "BEGIN SELECT 1; "
              "END')"),
      statement("names of blobs of 60 MB",
                many.substr(0, many.find("200000")) +
                    "6) INSERT INTO blob(hash, name, codec, data) SELECT randomblob(32), i || "
                    "replace(hex(zeroblob(30000000)), '0', char(1)), 0, x'00' FROM n"),
      statement("frames that decoders skip, after each page",
                "UPDATE page SET data = CAST(data || x'502a4d1804000000' || 'evil' AS BLOB) WHERE "
                "codec = 1"),
      statement("written anew by SQLite", "VACUUM"),
      statement("a schema of nonsense",
                "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = 'CREATE TABLE gate(' "
                "WHERE name = "
                "'gate'"),
      statement(
          "two tables on one page",
          "PRAGMA writable_schema=ON; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM "
          "sqlite_master "
          "WHERE name = 'event') WHERE name = 'page'"),
      statement("a root page that is not there",
                "PRAGMA writable_schema=ON; UPDATE sqlite_master SET rootpage = 2000000000 WHERE "
                "name = 'event'"),
      statement("no records", "DELETE FROM event"),
      statement("no first record", "DELETE FROM event WHERE seq = 1"),
      statement("sequence numbers below zero", "UPDATE event SET seq = -seq"),
      statement("records as text", "UPDATE event SET record = CAST(record AS TEXT)"),
      statement("records of nothing", "UPDATE event SET record = x''"),
      statement("a record of 64 MB", "UPDATE event SET record = zeroblob(64000000) WHERE seq = 3"),
      statement("a record of 200 MB",
                "UPDATE event SET record = zeroblob(200000000) WHERE seq = 3"),
      statement("a cell of 60 MB", "UPDATE run SET scenario = hex(zeroblob(30000000))"),
      statement(
          "tables that lie",
          "UPDATE kernel_op SET value = 0, status = 'done'; UPDATE gate SET outcome = 'passed'"),
      statement("tables of other types",
                "UPDATE freeze SET cause = x'00'; UPDATE run SET cpus = 'many'"),
      statement("200,000 rows more",
                many + "INSERT INTO console(seq, host_ns, text) SELECT 100000 + i, 1, 'x' FROM n"),
      statement(
          "200,000 runs of pages",
          many +
              "INSERT INTO freeze_page(freeze, frame, frames) SELECT 1, 100000 + 2 * i, 1 FROM n"),
      statement("pages without end",
                "UPDATE freeze_page SET frames = 9223372036854775807 WHERE hash IS NULL"),
      statement("a million pages of zero",
                "UPDATE freeze_page SET frames = 1000000 WHERE hash IS NULL"),
      statement(
          "pages that changed freezes",
          "UPDATE freeze_page SET freeze = 99 WHERE freeze = 2; UPDATE freeze_page SET freeze = 2 "
          "WHERE freeze = 3; "
          "UPDATE freeze_page SET freeze = 3 WHERE freeze = 99"),
      statement("pages that are one",
                "UPDATE freeze_page SET hash = (SELECT min(hash) FROM page) WHERE hash NOT NULL"),
      statement("no pages", "DELETE FROM page"),
      statement("pages of another codec", "UPDATE page SET codec = 7"),
      statement("pages that claim 2^60 bytes",
                "UPDATE page SET codec = 1, data = CAST(x'28b52ffde00000000000000010' || "
                "zeroblob(32) AS BLOB)"),
      statement("blobs that claim 2^60 bytes",
                "UPDATE blob SET codec = 1, data = CAST(x'28b52ffde00000000000000010' || "
                "zeroblob(32) AS BLOB)"),
      statement("no blobs", "DELETE FROM blob"),
      statement("blobs that changed places", "UPDATE blob SET data = (SELECT min(data) FROM blob)"),
  };
}

}  // namespace ktape::test
