// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/checked_records.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "schema/tape/reading/reader.h"
#include "tests/schema/tape/records_of.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using test::console;
using test::must;
using test::TapeBuilder;
using test::TempDir;

TEST_CASE("records that are checked against the chain end before the first edited one") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  TapeBuilder tape(path);
  for (size_t bytes : {1, 2, 3}) console(tape, bytes);
  tape.seal();
  auto reader = must(TapeReader::open(path));
  uint64_t seen = 0;
  auto visit = [&](const RecordView& view) -> Result<void> {
    seen = view.seq.value;
    return {};
  };
  must(reader->for_each(visit, ChainCheck::kRecords));
  CHECK(seen == 5);
  test::sql(path,
            "UPDATE event SET record = CAST(replace(record, 'xx', 'xy') AS BLOB) WHERE seq = 2");
  auto walk = must(TapeReader::open(path))->for_each(visit, ChainCheck::kRecords);
  REQUIRE_FALSE(walk.ok());
  CHECK(walk.error().code == ErrorCode::kBadInput);
  CHECK(walk.error().message == "'" + path + "' is altered: record 2 is not as it was recorded");
  CHECK(seen == 1);
}

TEST_CASE(
    "a long tape that is checked against the chain is read to its end, or to the error, wherever "
    "that is") {
  // Of several MiB: a thread hashes it.
  TempDir dir;
  std::string path = dir.file("run.ktape");
  TapeBuilder tape(path);
  constexpr size_t kLong = 120, kRecords = 302;
  for (size_t i = 1; i <= 300; ++i) console(tape, i == kLong ? size_t{2} << 20 : 10'000);
  tape.seal();
  uint64_t seen = 0;
  const auto walk = [&](uint64_t stop_at) {
    seen = 0;
    return must(TapeReader::open(path))
        ->for_each(
            [&](const RecordView& view) -> Result<void> {
              REQUIRE(view.seq.value == seen + 1);
              if (view.seq.value == stop_at) return Error{ErrorCode::kUsage, "enough", ""};
              seen = view.seq.value;
              const bool console = view.seq.value <= 300;
              REQUIRE(view.record.isConsole() == console);
              if (console) {
                CHECK(view.record.getConsole().getText().size() ==
                      (view.seq.value == kLong ? size_t{2} << 20 : 10'000));
              }
              return {};
            },
            ChainCheck::kRecords);
  };
  must(walk(0));
  CHECK(seen == kRecords);
  for (const uint64_t stop_at : {1, 100, 301}) {
    CHECK(walk(stop_at).error().message == "enough");
    CHECK(seen == stop_at - 1);
  }
  test::sql(path, "DELETE FROM event WHERE seq = 299");
  CHECK(walk(0).error().message == "record 300: record 299 is missing before it");
  CHECK(seen == 298);
  for (const uint64_t wrong : {250, 121, 120, 53, 1}) {
    test::sql(path, "UPDATE event SET chain = zeroblob(32) WHERE seq = " + std::to_string(wrong));
    CHECK(walk(0).error().message == "'" + path + "' is altered: record " + std::to_string(wrong) +
                                         " is not as it was recorded");
    CHECK(seen == wrong - 1);
  }
  test::sql(path, "UPDATE event SET chain = x'00' WHERE seq = 1");
  CHECK_FALSE(walk(0).ok());
}

}  // namespace ktape
