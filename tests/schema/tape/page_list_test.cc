// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "schema/tape/writing/writer.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using Catch::Matchers::ContainsSubstring;
using test::must;
using test::sql;
using test::sql_rows;
using test::TempDir;

namespace {

std::vector<std::byte> page_of(int fill) {
  return std::vector<std::byte>(4096, static_cast<std::byte>(fill));
}

// A tape with two freezes: 1 keeps frame 100, frame 101 and a run of zeros, 2 keeps frame 100 as it
// was and frame 101 with the content that frame 100 has.
class PagesFixture {
 public:
  PagesFixture() : path(dir.file("run.ktape")), writer(must(TapeWriter::create(path))) {
    seven = must(writer->add_page(page_of(7)));
    eight = must(writer->add_page(page_of(8)));
    thawed(1, must(writer->add_freeze_pages(
                  1, std::vector<FreezePage>{
                         {0, 100, 1, seven}, {0, 101, 1, eight}, {0, 102, 20, std::nullopt}})));
    thawed(2, must(writer->add_freeze_pages(
                  2, std::vector<FreezePage>{{0, 100, 1, seven},
                                             {0, 101, 1, must(writer->add_page(page_of(7)))}})));
    must(writer->commit());
  }

  void thawed(uint64_t freeze, const PagesKept& kept) {
    must(writer->append(HostNs(1), GuestNs(0), [&](schema::Record::Builder record) {
      auto to = record.initThawed();
      to.setFreeze(freeze);
      to.setPages(kept.pages);
      to.setPagesDigest(as_data(std::span<const std::byte>(kept.digest)));
    }));
  }

  SealedTape seal() {
    return must(writer->seal(HostNs(2), [](auto) {}));
  }

  TempDir dir;
  std::string path;
  std::unique_ptr<TapeWriter> writer;
  Digest seven{}, eight{};
};

std::vector<uint64_t> frames_of(const std::vector<FreezePage>& rows) {
  std::vector<uint64_t> frames;
  for (const FreezePage& row : rows) frames.push_back(row.frame);
  return frames;
}

}  // namespace

TEST_CASE_METHOD(PagesFixture, "pages of a freeze are read back as they were stored") {
  seal();
  auto reader = must(TapeReader::open(path));
  auto rows = must(reader->freeze_pages(1));
  CHECK(frames_of(rows) == std::vector<uint64_t>{100, 101, 102});
  CHECK(rows[0].freeze == 1);
  CHECK(rows[0].hash == seven);
  CHECK(rows[2].frames == 20);
  CHECK_FALSE(rows[2].hash);
  CHECK(must(reader->page(*rows[1].hash)) == page_of(8));
}

TEST_CASE_METHOD(PagesFixture,
                 "a page's content is kept once, compressed, and the tape is intact") {
  SealedTape sealed = seal();
  CHECK(sealed.pages == 2);
  CHECK(sealed.page_bytes < 200);
  CHECK(sql_rows(path, "SELECT count(*) FROM page") == std::vector<std::string>{"2"});
  CHECK(sql_rows(path, "SELECT count(*) FROM freeze_page") == std::vector<std::string>{"5"});
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE_METHOD(PagesFixture, "a freeze that kept nothing, and one that never was, have no rows") {
  seal();
  auto reader = must(TapeReader::open(path));
  uint64_t freeze = GENERATE(uint64_t{0}, uint64_t{3}, ~uint64_t{0});
  CHECK(must(reader->freeze_pages(freeze)).empty());
}

TEST_CASE_METHOD(PagesFixture, "a missing page is not found") {
  seal();
  auto page = must(TapeReader::open(path))->page(sha256(page_of(9)));
  REQUIRE_FALSE(page.ok());
  CHECK(page.error().code == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(PagesFixture, "a page of another size than 4096 bytes is refused") {
  std::vector<std::byte> bytes = page_of(1);
  bytes.resize(GENERATE(0, 4095, 4097));
  auto page = writer->add_page(bytes);
  REQUIRE_FALSE(page.ok());
  CHECK(page.error().code == ErrorCode::kUsage);
}

TEST_CASE_METHOD(PagesFixture, "malformed rows are refused, and the writer continues") {
  auto rows = GENERATE(std::vector<FreezePage>{{0, 5, 1, std::nullopt}, {0, 4, 1, std::nullopt}},
                       std::vector<FreezePage>{{0, 5, 2, std::nullopt}, {0, 6, 1, std::nullopt}},
                       std::vector<FreezePage>{{0, 5, 0, std::nullopt}},
                       std::vector<FreezePage>{{0, 5, 2, sha256(page_of(7))}},
                       std::vector<FreezePage>{{0, 5, 1, sha256(page_of(9))}},
                       std::vector<FreezePage>{{0, kFrames, 1, std::nullopt}},
                       std::vector<FreezePage>{{0, 5, kFrames, std::nullopt}});
  auto kept = writer->add_freeze_pages(3, rows);
  REQUIRE_FALSE(kept.ok());
  CHECK(kept.error().code == ErrorCode::kUsage);
  seal();
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);
  CHECK(must(must(TapeReader::open(path))->freeze_pages(3)).empty());
}

TEST_CASE_METHOD(PagesFixture, "malformed rows of an untrusted tape are an error") {
  seal();
  std::string edit = GENERATE(
      "UPDATE freeze_page SET frames = 2 WHERE frame = 100", "UPDATE freeze_page SET frames = 0",
      "UPDATE freeze_page SET frames = -1 WHERE frame = 102",
      "UPDATE freeze_page SET frame = -1 WHERE frame = 102",
      "UPDATE freeze_page SET frames = 'many' WHERE frame = 102",
      "UPDATE freeze_page SET hash = 'text' WHERE frame = 101",
      "UPDATE freeze_page SET hash = x'00' WHERE frame = 101",
      "UPDATE freeze_page SET frame = 99 WHERE frame = 102",
      "UPDATE freeze_page SET frame = 9223372036854775807 WHERE frame = 102",
      "UPDATE freeze_page SET frames = 9223372036854775807 WHERE frame = 102");
  sql(path, edit);
  auto rows = must(TapeReader::open(path))->freeze_pages(1);
  REQUIRE_FALSE(rows.ok());
  CHECK(rows.error().code == ErrorCode::kBadInput);
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kAltered);
}

TEST_CASE_METHOD(PagesFixture, "more rows than the limit are an error, not memory") {
  seal();
  auto reader = must(TapeReader::open(path));
  auto rows = reader->freeze_pages(1, 2);
  REQUIRE_FALSE(rows.ok());
  CHECK(rows.error().code == ErrorCode::kOutOfRange);
  CHECK(must(reader->freeze_pages(1, 3)).size() == 3);
}

TEST_CASE_METHOD(PagesFixture,
                 "a page of an untrusted tape with wrong content or size is an error") {
  seal();
  std::string edit = GENERATE("data = zeroblob(4096), codec = 0", "codec = 0", "codec = 5",
                              "data = substr(data, 1, length(data) - 1)",
                              "data = zeroblob(100000), codec = 0", "data = 'text'");
  sql(path, "UPDATE page SET " + edit);
  auto page = must(TapeReader::open(path))->page(seven);
  REQUIRE_FALSE(page.ok());
  CHECK(page.error().code == ErrorCode::kBadInput);
}

TEST_CASE_METHOD(PagesFixture, "a short page under its own hash is an error") {
  seal();
  std::vector<std::byte> shorter(100, std::byte{7});
  Digest hash = sha256(shorter);
  sql(path, "INSERT INTO page VALUES(x'" + to_hex(hash) + "', 0, x'" + to_hex(shorter) + "')");
  auto page = must(TapeReader::open(path))->page(hash);
  REQUIRE_FALSE(page.ok());
  CHECK_THAT(page.error().message, ContainsSubstring("does not have 4096 bytes"));
}

TEST_CASE_METHOD(PagesFixture, "the second list of a freeze is a sticky error") {
  CHECK_FALSE(writer->add_freeze_pages(1, std::vector<FreezePage>{{0, 100, 1, seven}}).ok());
  CHECK_FALSE(writer->commit().ok());
}

}  // namespace ktape
