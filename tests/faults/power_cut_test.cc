// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/power_cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <filesystem>

#include "schema/tape/copy/salvage.h"
#include "schema/tape/verify/verify.h"
#include "tests/faults/real_mix.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

// KTAPE_CUTS: how often the power is cut.
namespace ktape::test {

namespace {

// Enough that the log is merged into the file once during the recording.
constexpr int kPowerCuts = 16;
constexpr int kMaxRounds = 10;  // of cuts
constexpr int kFewRounds = 1;

// All operations of one recorder on its disk, from the first to the last.
struct Life {
  std::deque<DiskOp> ops;
  size_t created = 0;  // so many had been told when the tape was there
  size_t sealed = 0;   // and when it was sealed
  // And the number of records committed by then.
  std::vector<std::pair<size_t, uint64_t>> committed;
  std::vector<std::string> heads;  // of the tape after each record
};

Life record_a_life(int rounds) {
  Life life;
  const TempDir folder;
  const RealMix mix("cold_path_roundtrip-7.3.4.ktape");
  {
    const WatchedDisk disk(folder.path(), [&](const DiskOp& op) {
      life.ops.push_back(op);
      return 0;
    });
    must(mix.record(folder.file("run.ktape"), rounds, [&](uint64_t records) {
      if (records == 0) life.created = life.ops.size();
      life.committed.emplace_back(life.ops.size(), records);
    }));
  }
  life.sealed = life.ops.size();
  life.heads =
      sql_rows(folder.file("run.ktape"), "SELECT lower(hex(chain)) FROM event ORDER BY seq");
  return life;
}

// Ascending moments of the recording: equally many in all of it, around its beginning and its end.
std::vector<size_t> moments(const Life& life, int count, std::mt19937_64& random) {
  const size_t last_commit = life.committed.back().first;
  std::vector<size_t> chosen;
  for (int i = 0; i < count; ++i) {
    switch (i % 4) {
      case 0: chosen.push_back(random() % (life.created + 20)); break;
      case 1: chosen.push_back(last_commit + random() % (life.sealed - last_commit + 1)); break;
      case 2: chosen.push_back(life.sealed - (i % 8 == 2 ? 0 : random() % 16)); break;
      default: chosen.push_back(random() % (life.sealed + 1));
    }
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

// The largest number of records that the disk was told to keep before `moment`.
uint64_t synced_records(const Life& life, size_t moment) {
  size_t sync = moment;
  while (sync > 0 && !(life.ops[sync - 1].kind == DiskOp::Kind::kSync &&
                       life.ops[sync - 1].name.ends_with("-wal")))
    --sync;
  uint64_t records = 0;
  for (const auto& [at, count] : life.committed) {
    if (at < sync) records = count;
  }
  return records;
}

struct Tally {
  int before_there_was_a_tape = 0;
  int prefix = 0;
  int whole = 0;
  uint64_t lost_records = 0;  // that were committed, and never promised to outlive a power cut
};

void check_prefix(const Life& life, size_t moment, const std::string& left,
                  const Verification& found, Tally& tally) {
  INFO(found.finding);
  REQUIRE((found.integrity == Integrity::kUnsealed || found.integrity == Integrity::kIntact));
  CHECK(found.records >= synced_records(life, moment));
  REQUIRE(found.records <= life.heads.size());
  if (found.records > 0) CHECK(to_hex(found.head) == life.heads[found.records - 1]);
  ++tally.prefix;
  const auto later =
      std::upper_bound(life.committed.begin(), life.committed.end(), moment,
                       [](size_t when, const auto& commit) { return when < commit.first; });
  const uint64_t committed = std::prev(later)->second;  // the tape was there by then
  if (committed > found.records) tally.lost_records += committed - found.records;
  if (found.integrity == Integrity::kIntact) return;
  const Verification saved = must(salvage(left, left + ".saved"));
  CHECK((saved.integrity == Integrity::kTruncated || saved.integrity == Integrity::kIntact));
}

void check_cut(const Life& life, size_t moment, const TempDir& folder, Tally& tally) {
  INFO("the power was cut after " << moment << " of " << life.sealed << " operations");
  const std::string path = folder.file("run.ktape");
  if (moment >= life.sealed) {
    const Verification found = must(verify(path, std::nullopt));
    INFO(found.finding);
    CHECK(found.integrity == Integrity::kIntact);
    CHECK(to_hex(found.head) == life.heads.back());
    ++tally.whole;
    return;
  }
  const std::string left = std::filesystem::exists(path) ? path : path + ".partial";
  const Result<Verification> found = verify(left, std::nullopt);
  if (moment >= life.created) {
    INFO((found.ok() ? "" : found.error().message));
    REQUIRE(found.ok());
    return check_prefix(life, moment, left, *found, tally);
  }
  // No tape was reported yet: anything may be there except a false one.
  if (found.ok()) CHECK(found->records == 0);
  ++tally.before_there_was_a_tape;
}

}  // namespace

TEST_CASE("a power cut at any moment leaves a valid prefix, and all of a tape that was sealed") {
  const Life life = record_a_life(kPowerCuts);
  std::random_device seed;
  const uint64_t seeded = seed();
  INFO("seed " << seeded);
  std::mt19937_64 random(seeded);
  Tally tally;
  // A few cuts cost nothing by chance: most of them do.
  for (int round = 0; round < kMaxRounds && tally.lost_records == 0; ++round) {
    PowerCutDisk disk(false);
    size_t done = 0;
    for (const size_t moment : moments(life, KTAPE_CUTS, random)) {
      for (; done < moment; ++done) disk.apply(life.ops[done]);
      const TempDir folder;
      disk.cut(random, folder.path());
      check_cut(life, moment, folder, tally);
    }
  }
  fmt::print(stderr,
             "{} power cuts in {} operations: {} before there was a tape, {} left a prefix, {} the "
             "whole tape;"
             " {} records lost that were not yet promised\n",
             KTAPE_CUTS, life.sealed, tally.before_there_was_a_tape, tally.prefix, tally.whole,
             tally.lost_records);
  CHECK(tally.prefix > KTAPE_CUTS / 4);
  CHECK(tally.whole > 0);
  CHECK(tally.lost_records > 0);  // else this would not have been a power cut
}

// Shows that the test above can fail.
TEST_CASE("a disk that lies about its syncs loses tapes in the simulation") {
  const Life life = record_a_life(kFewRounds);
  std::mt19937_64 random(1);
  PowerCutDisk disk(true);
  for (const DiskOp& op : life.ops) disk.apply(op);
  int damaged = 0;
  for (int i = 0; i < 6; ++i) {
    const TempDir folder;
    disk.cut(random, folder.path());
    const Result<Verification> found = verify(folder.file("run.ktape"), std::nullopt);
    if (!found.ok() || found->integrity != Integrity::kIntact) ++damaged;
  }
  CHECK(damaged > 0);
}

}  // namespace ktape::test
