// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

#include "schema/base/digest.h"
#include "schema/base/file.h"
#include "schema/tape/tables.h"
#include "schema/tape/writing/writer.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

// Compares schema/FORMAT.md with the code: its example, and its commands.

namespace ktape {

using Catch::Matchers::ContainsSubstring;
using test::must;
using test::sql_rows;
using test::TempDir;

namespace {

std::string document() {
  return must(read_text_file(std::string(KTAPE_SOURCE_DIR) + "/schema/FORMAT.md", 1 << 20));
}

// The tape of the worked example.
class ExampleTape {
 public:
  ExampleTape() : path(dir.file("run.ktape")) {
    auto writer = must(TapeWriter::create(path));
    must(writer->append(HostNs(1000), GuestNs(2000), [](schema::Record::Builder record) {
      record.initStepStarted().setName("write");
    }));
    sealed = must(writer->seal(HostNs(3000), [](schema::Sealed::Builder record) {
      record.setOutcome(schema::Outcome::COMPLETED);
    }));
  }

  TempDir dir;
  std::string path;
  SealedTape sealed;
};

// The bytes of the example's listing: lines of an offset and eight bytes.
std::string listed_bytes() {
  std::string hex;
  static const std::regex kLine("    [0-9a-f]{4}  ((?:[0-9a-f]{2} ){8}) .*");
  std::istringstream lines(document());
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, kLine)) continue;
    for (char c : match[1].str()) hex += c == ' ' ? "" : std::string(1, c);
  }
  return hex;
}

struct Output {
  int status = -1;
  std::string text;
};

Output run(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen((command + " 2>&1").c_str(), "r"), ::pclose);
  Output output;
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe.get())) > 0;)
    output.text.append(buffer, n);
  output.status = ::pclose(pipe.release());
  return output;
}

}  // namespace

TEST_CASE_METHOD(ExampleTape, "the first record of FORMAT.md's example is as listed") {
  CHECK(sql_rows(path, "SELECT lower(hex(record)) FROM event WHERE seq = 1") ==
        std::vector{listed_bytes()});
}

TEST_CASE_METHOD(ExampleTape, "the digests of FORMAT.md's example are those of the tape") {
  auto chain = sql_rows(path, "SELECT lower(hex(chain)) FROM event ORDER BY seq");
  REQUIRE(chain.size() == 2);
  for (const std::string seq : {"1", "2"}) {
    const auto record = sql_rows(path, "SELECT lower(hex(record)) FROM event WHERE seq = " + seq);
    std::vector<std::byte> bytes;
    for (size_t at = 0; at + 1 < record[0].size(); at += 2)
      bytes.push_back(static_cast<std::byte>(std::stoul(record[0].substr(at, 2), nullptr, 16)));
    CHECK_THAT(document(), ContainsSubstring("    SHA-256(record " + seq + ")  " +
                                             to_hex(sha256(bytes)) + "\n"));
  }
  CHECK_THAT(document(), ContainsSubstring("    chain(1)           " + chain[0] + "\n"));
  CHECK_THAT(document(), ContainsSubstring("    chain(2)           " + chain[1] + "\n"));
  CHECK(to_hex(sealed.head) == chain[1]);
}

TEST_CASE_METHOD(ExampleTape, "the file header says what FORMAT.md says") {
  auto bytes = must(read_file(path, 1 << 20));
  CHECK(to_hex(std::span(bytes).subspan(60, 4)) == "00000002");
  CHECK(to_hex(std::span(bytes).subspan(68, 4)) == "6b747065");
  CHECK(to_hex(std::span(bytes).subspan(18, 2)) == "0101");  // rollback journal
}

TEST_CASE_METHOD(ExampleTape, "every table is described in FORMAT.md") {
  for (const std::string& table :
       sql_rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")) {
    CHECK_THAT(document(), ContainsSubstring("`" + table + "`"));
  }
}

TEST_CASE_METHOD(ExampleTape, "FORMAT.md's Python program computes the head digest") {
  if (run("python3 -c 'import sqlite3'").status != 0) SKIP("python3 with sqlite3 is not installed");
  std::smatch program;
  std::string text = document();
  REQUIRE(std::regex_search(text, program, std::regex("```python\n([^`]*)```")));
  std::ofstream(dir.file("chain.py")) << program[1];
  Output output = run("python3 " + dir.file("chain.py") + " " + path);
  CHECK(output.text == "head " + to_hex(sealed.head) + "\n");
}

TEST_CASE_METHOD(ExampleTape, "a record reads as text with capnp convert, as FORMAT.md says") {
  std::string hex = sql_rows(path, "SELECT hex(record) FROM event WHERE seq = 1").at(0);
  std::ofstream file(dir.file("record.bin"), std::ios::binary);
  for (size_t i = 0; i < hex.size(); i += 2)
    file.put(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  file.close();
  Output output = run(std::string(KTAPE_CAPNP) + " convert binary:text " + KTAPE_SOURCE_DIR +
                      "/schema/record.capnp Record < " + dir.file("record.bin"));
  CHECK(output.status == 0);
  CHECK_THAT(output.text, ContainsSubstring("stepStarted = (step = 0, name = \"write\")"));
}

// A tape has its tables word for word, comments included, and verify compares them: an edited
// comment makes every tape that is already there an altered one.
TEST_CASE("the text of the tables of each format is pinned, with its comments") {
  const auto digest = [](const char* tables) { return to_hex(sha256(as_bytes(tables))); };
  INFO("of a released format nothing may change; before its release, write the new digest here");
  CHECK(digest(kTapeTables) == "7321746fb9f500d71bffe82f438402999b090c858de72e2e531a7e59a06f9d4b");
  CHECK(digest(projection_tables(1)) ==
        "e5fa18c51c38b4c4d193e8e321bd180b32d488eb2bc6eba300a73a1b5ad95a5e");
  CHECK(digest(projection_tables(2)) ==
        "07c3e9cde159871f0ee28000302ead9af4a39bd9bbc1622c73145e630d033e66");
}

}  // namespace ktape
