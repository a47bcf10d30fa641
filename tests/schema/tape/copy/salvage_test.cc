// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/copy/salvage.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/tape/page_list.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/schema/tape/reference_tape.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using test::must;
using test::sql;
using test::sql_rows;
using test::TapeBuilder;
using test::TempDir;

TEST_CASE("salvage keeps what a dead recorder left and seals it as truncated") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  {
    TapeBuilder tape(path);
    test::record_reference(tape);
    must(tape.writer().commit());
  }
  Digest head = must(verify(path + ".partial", std::nullopt)).head;
  std::string out = dir.file("saved.ktape");
  Verification salvaged = must(salvage(path, out));
  CHECK(salvaged.integrity == Integrity::kTruncated);
  CHECK(salvaged.records == 20);
  CHECK(must(TapeReader::open(out))->state() == TapeState::kTruncated);
  // The records are the same, bit for bit: the chain goes through the same values.
  CHECK(sql_rows(out, "SELECT lower(hex(chain)) FROM event WHERE seq = 19") ==
        std::vector{to_hex(head)});
  CHECK(sql_rows(out, "SELECT count(*) FROM blob") == std::vector<std::string>{"1"});
  CHECK(must(verify(path + ".partial", std::nullopt)).integrity == Integrity::kUnsealed);
}

TEST_CASE("salvage stops at the first damage and says where") {
  TempDir dir;
  {
    TapeBuilder tape(dir.file("run.ktape"));
    test::record_reference(tape);
    must(tape.writer().commit());
  }
  sql(dir.file("run.ktape.partial"), "UPDATE event SET record = zeroblob(16) WHERE seq = 7");
  Verification salvaged = must(salvage(dir.file("run.ktape.partial"), dir.file("saved.ktape")));
  CHECK(salvaged.integrity == Integrity::kTruncated);
  CHECK(salvaged.records == 7);
  CHECK_THAT(salvaged.finding, ContainsSubstring("salvaged up to the first damage: record 7: "));
}

namespace {

constexpr uint64_t kFreezes = 3;

// A recording of three freezes with a page of its own and a run of zeros each, and a record after
// each.
std::string record_freezes(const TempDir& dir) {
  TapeBuilder tape(dir.file("run.ktape"));
  tape.run_started("test");
  for (uint64_t freeze = 1; freeze <= kFreezes; ++freeze) {
    const std::vector<std::byte> page(4096, std::byte(freeze));
    const Digest hash = must(tape.writer().add_page(page));
    const std::vector<FreezePage> rows = {{freeze, 16, 1, hash}, {freeze, 20, 4, std::nullopt}};
    const PagesKept kept = must(tape.writer().add_freeze_pages(freeze, rows));
    tape.add([&](schema::Record::Builder record) {
      auto thawed = record.initThawed();
      thawed.setFreeze(freeze);
      thawed.setPages(kept.pages);
      thawed.setPagesDigest(as_data(kept.digest));
    });
    tape.step_started(static_cast<uint32_t>(freeze), "after");
  }
  must(tape.writer().commit());
  return tape.writer().partial_path();
}

}  // namespace

TEST_CASE("salvage cuts a recording before the first freeze whose pages are damaged") {
  const auto [damage, why, freezes] = GENERATE(table<std::string, std::string, uint64_t>(
      {{"UPDATE page SET data = zeroblob(4096), codec = 0 WHERE rowid = 2",
        "the pages of its freeze are damaged: page ", 1},
       {"DELETE FROM page WHERE rowid = 2", " is damaged or missing", 1},
       {"UPDATE freeze_page SET frame = 17 WHERE freeze = 2 AND frame = 16",
        "the rows of freeze_page of freeze 2 do not match its Thawed record", 1},
       {"UPDATE freeze_page SET frames = 0 WHERE freeze = 2", "neither one page nor", 1},
       {"DELETE FROM freeze_page WHERE freeze = 2", "rows of its page list are missing or damaged",
        1},
       {"UPDATE freeze_page SET frames = 'x' WHERE freeze >= 2 AND frame = 20", "freeze_page",
        2}}));
  INFO(damage);
  TempDir dir;
  const std::string partial = record_freezes(dir);
  sql(partial, damage);
  const std::string out = dir.file("saved.ktape");
  const Verification salvaged = must(salvage(partial, out));
  INFO(salvaged.finding);
  CHECK(salvaged.integrity == Integrity::kTruncated);
  // Of the run: its begin, and the first freeze with what followed it.
  CHECK(salvaged.records == 4);
  CHECK_THAT(salvaged.finding, ContainsSubstring("salvaged up to the first damage: record 4: the "
                                                 "pages of its freeze are damaged: "));
  CHECK_THAT(salvaged.finding, ContainsSubstring(why));
  CHECK_THAT(salvaged.losses.text(), StartsWith(std::to_string(freezes) + " salvage_freezes; "));
  CHECK(sql_rows(out, "SELECT count(*) FROM page") == std::vector<std::string>{"1"});
  CHECK(sql_rows(out, "SELECT DISTINCT freeze FROM freeze_page") == std::vector<std::string>{"1"});
}

TEST_CASE("salvage keeps freezes that are whole, and leaves out the rows of one that has no end") {
  TempDir dir;
  const std::string partial = record_freezes(dir);
  sql(partial, "INSERT INTO freeze_page(freeze, frame, frames) VALUES(9, 5, 3)");
  const Verification salvaged = must(salvage(partial, dir.file("saved.ktape")));
  CHECK(salvaged.integrity == Integrity::kTruncated);
  CHECK(salvaged.records == 2 + 2 * kFreezes);
  CHECK(salvaged.losses.losses().empty());
}

TEST_CASE("salvage counts the damaged freezes that have an end") {
  const std::string damage =
      GENERATE(std::string("INSERT INTO freeze_page(freeze, frame, frames) VALUES(9, 5, 0)"),
               std::string("INSERT INTO freeze_page(freeze, frame, frames, hash) "
                           "VALUES(9, 5, 1, zeroblob(32))"));
  INFO(damage);
  TempDir dir;
  const std::string partial = record_freezes(dir);
  sql(partial, damage);
  const Verification whole = must(salvage(partial, dir.file("saved.ktape")));
  CHECK(whole.records == 2 + 2 * kFreezes);
  CHECK(whole.losses.losses().empty());
  sql(partial, "DELETE FROM freeze_page WHERE freeze = 2");
  const Verification cut = must(salvage(partial, dir.file("cut.ktape")));
  CHECK_THAT(cut.losses.text(), StartsWith("1 salvage_freezes; "));
}

TEST_CASE("salvage refuses a sealed tape and an existing name") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  TapeBuilder(path).seal();
  auto sealed = salvage(path, dir.file("out"));
  REQUIRE_FALSE(sealed.ok());
  CHECK_THAT(sealed.error().message, ContainsSubstring("is sealed: there is nothing to salvage"));
  must(must(TapeWriter::create(dir.file("dead")))->commit());
  auto taken = salvage(dir.file("dead"), path);
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.error().code == ErrorCode::kUsage);
}

}  // namespace ktape
