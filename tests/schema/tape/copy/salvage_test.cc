// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/copy/salvage.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
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
