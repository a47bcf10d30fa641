// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <random>

#include "schema/base/child.h"
#include "schema/tape/verify/verify.h"
#include "tests/faults/doomed_process.h"
#include "tests/faults/real_mix.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

// KTAPE_KILLS: how often a recorder is killed.
namespace ktape::test {

namespace {

using std::chrono::microseconds;

// Most recordings are short; in a long one the log is merged into the file meanwhile.
constexpr int kShort = 3;
constexpr int kLong = 20;
constexpr int kLongEvery = 5;

struct Tally {
  int before_there_was_a_tape = 0;
  int unsealed = 0;
  int sealed_in_two_files = 0;
  int sealed_but_not_renamed = 0;
  int sealed = 0;
};

class KilledRecorder {
 public:
  // A recorder that writes this many rounds.
  explicit KilledRecorder(int rounds) : rounds_(rounds) {
    const TempDir folder;
    const auto began = std::chrono::steady_clock::now();
    must(mix_.record(folder.file("whole.ktape"), rounds_, [](uint64_t) {}));
    const auto took = std::chrono::steady_clock::now() - began;
    life_ = static_cast<uint64_t>(std::chrono::duration_cast<microseconds>(took).count());
    heads_ =
        sql_rows(folder.file("whole.ktape"), "SELECT lower(hex(chain)) FROM event ORDER BY seq");
  }

  // It runs, and is killed at a random moment.
  void kill_one(Tally& tally) {
    const TempDir folder;
    const std::string path = folder.file("run.ktape");
    DoomedProcess recorder(
        [&](const DoomedProcess::Report& report) { must(mix_.record(path, rounds_, report)); });
    // Any moment of its time, or, more often, around any of its records: it mostly waits for the
    // disk.
    const uint64_t from = chance(4) == 0 ? 0 : chance(heads_.size());
    const auto later = microseconds(chance(from == 0 ? life_ : 3 * life_ / heads_.size()));
    recorder.kill_after(from, later);
    INFO("killed " << later.count() << " us after record " << from);
    INFO("records that it had committed: " << recorder.last_report());
    if (std::filesystem::exists(path)) {
      check_sealed(path);
      ++tally.sealed;
    } else if (std::filesystem::exists(path + ".partial")) {
      check_left(path + ".partial", recorder, tally);
    } else {
      CHECK_FALSE(recorder.reported());
      ++tally.before_there_was_a_tape;
    }
  }

 private:
  uint64_t chance(uint64_t under) {
    return std::uniform_int_distribution<uint64_t>(0, under - 1)(random_);
  }

  int status_of(const std::string& program, const std::vector<std::string>& arguments) {
    const ChildResult result = must(run_child(KTAPE_BIN "/ktape-" + program, arguments,
                                              {.output_bytes = 64 << 20, .error_bytes = 1 << 20}));
    last_words_ = result.output + result.errors;
    return result.exit_status;
  }

  void check_sealed(const std::string& path) {
    CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);
    CHECK(to_hex(must(verify(path, std::nullopt)).head) == heads_.back());
  }

  void check_left(const std::string& partial, const DoomedProcess& recorder, Tally& tally) {
    const Result<Verification> found = verify(partial, std::nullopt);
    if (!found.ok()) {
      // Killed before the recorder had created its tables: nothing that was reported is lost.
      CHECK_FALSE(recorder.reported());
      CHECK(found.error().code == ErrorCode::kBadInput);
      CHECK(found.error().message ==
            "nothing was recorded in '" + partial + "': its recorder died at its start");
      ++tally.before_there_was_a_tape;
      return;
    }
    INFO(found->finding);
    if (found->integrity == Integrity::kIntact) {
      check_sealed(partial);
      ++tally.sealed_but_not_renamed;
      return;
    }
    REQUIRE(found->integrity == Integrity::kUnsealed);
    CHECK(found->records >= recorder.last_report());
    // Bit for bit what the recorder wrote: each chain value covers all records before it.
    REQUIRE(found->records <= heads_.size());
    if (found->records > 0) CHECK(to_hex(found->head) == heads_[found->records - 1]);
    const bool complete = found->records == heads_.size();
    ++(complete ? tally.sealed_in_two_files : tally.unsealed);
    check_programs(partial, *found, complete);
  }

  void check_programs(const std::string& partial, const Verification& found, bool complete) {
    CHECK(status_of("verify", {partial}) == 1);
    CHECK(last_words_.find(": unsealed: ") != std::string::npos);
    CHECK(status_of("show", {partial}) == 0);
    CHECK(last_words_.find("unsealed") != std::string::npos);
    CHECK(status_of("info", {partial}) == 0);
    // This run panicked; before that is on the tape, its end is not known.
    const int checked = status_of("check", {partial, "--only", "run-completed"});
    CHECK((checked == 1 || checked == 77));
    CHECK(last_words_.find("unsealed") != std::string::npos);
    const std::string saved = partial + ".saved";
    CHECK(status_of("verify", {partial, "--salvage", saved}) == 0);
    const Verification whole = must(verify(saved, std::nullopt));
    CHECK(whole.integrity == (complete ? Integrity::kIntact : Integrity::kTruncated));
    CHECK(whole.records == found.records + (complete ? 0 : 1));
  }

  const int rounds_;
  const RealMix mix_{"cold_path_roundtrip-7.3.4.ktape"};
  uint64_t life_ = 0;               // in us
  std::vector<std::string> heads_;  // of the tape as it is after each of its records
  std::mt19937_64 random_{std::random_device()()};
  std::string last_words_;
};

}  // namespace

TEST_CASE("a recorder that is killed at any moment leaves every record that it had committed") {
  KilledRecorder brief(kShort);
  KilledRecorder lasting(kLong);
  Tally tally;
  for (int i = 0; i < KTAPE_KILLS; ++i) {
    if (i % 100 == 0) fmt::print(stderr, "kill {} of {}\n", i + 1, KTAPE_KILLS);
    (i % kLongEvery == 0 ? lasting : brief).kill_one(tally);
  }
  fmt::print(
      stderr,
      "{} kills: {} before there was a tape, {} unsealed, {} sealed in two files, {} sealed but not"
      " renamed, {} sealed\n",
      KTAPE_KILLS, tally.before_there_was_a_tape, tally.unsealed, tally.sealed_in_two_files,
      tally.sealed_but_not_renamed, tally.sealed);
  CHECK(tally.unsealed > KTAPE_KILLS / 4);
}

}  // namespace ktape::test
