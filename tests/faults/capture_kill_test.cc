// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <random>
#include <thread>

#include "schema/base/child.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "tests/faults/live_capture.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"

// KTAPE_CAPTURES: how many captures are killed.
namespace ktape::test {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Tally {
  int no_file = 0;
  int nothing_recorded = 0;
  int unsealed = 0;
  int amid_writes = 0;
  int sealed = 0;
};

// The guest's writes on the tape.
struct WritesOnTape {
  uint64_t requested = 0;           // the number of the last that was requested
  std::optional<uint64_t> address;  // guest-physical, of what is written
};

WritesOnTape writes_on(const std::string& path) {
  WritesOnTape writes;
  must(must(TapeReader::open(path))->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.isOpRequested()) {
      auto entry = view.record.getOpRequested().getEntries()[0];
      if (entry.isWrite()) writes.requested = entry.getWrite().getU64() - kWritesBase;
    }
    if (view.record.isOpReplied() && view.record.getOpReplied().getOk())
      writes.address = view.record.getOpReplied().getEntries()[0].getPhysicalAddress();
    return {};
  }));
  return writes;
}

int status_of(const std::string& program, const std::vector<std::string>& arguments) {
  return must(run_child(KTAPE_BIN "/ktape-" + program, arguments,
                        {.output_bytes = 64 << 20, .error_bytes = 1 << 20}))
      .exit_status;
}

class KilledCaptures {
 public:
  // Kills one at any moment, or at a moment in which it writes to the guest.
  void kill_one(bool amid_writes) {
    LiveCapture capture(writing_scenario());
    if (amid_writes) capture.wait_for("step 2 of 2: writes");
    const milliseconds later(chance(amid_writes ? writes_ : life_));
    INFO("killed " << later.count() << " ms after "
                   << (amid_writes ? "the writes began" : "it was started"));
    std::this_thread::sleep_for(later);
    // What others could read of it by then was committed, so it must be found afterwards.
    const Result<Verification> seen = verify(capture.partial(), std::nullopt);
    const UniqueFd ram = capture.guest_ram();
    std::this_thread::sleep_for(milliseconds(chance(30)));
    capture.signal(SIGKILL);
    const bool killed = capture.wait() == -SIGKILL;
    CHECK(capture.nothing_is_left());
    check(capture, seen, ram);
    if (!killed) CHECK(std::filesystem::exists(capture.tape()));
  }

  Tally tally;

  // The time that a complete one takes.
  void time_one() {
    const auto began = Clock::now();
    LiveCapture capture(writing_scenario());
    capture.wait_for("step 2 of 2: writes");
    const auto writing = Clock::now();
    // 1: one of the writes met a held lock and was refused.
    const int status = capture.wait();
    INFO(capture.printed());
    REQUIRE((status == 0 || status == 1));
    life_ = std::chrono::duration_cast<milliseconds>(Clock::now() - began).count();
    writes_ = std::chrono::duration_cast<milliseconds>(Clock::now() - writing).count();
    CHECK(writes_on(capture.tape()).requested == kWritesToGuest);
  }

 private:
  int64_t chance(int64_t most) { return std::uniform_int_distribution<int64_t>(0, most)(random_); }

  void check(const LiveCapture& capture, const Result<Verification>& seen, const UniqueFd& ram) {
    if (std::filesystem::exists(capture.tape())) {
      CHECK(must(verify(capture.tape(), std::nullopt)).integrity == Integrity::kIntact);
      ++tally.sealed;
      return;
    }
    if (!std::filesystem::exists(capture.partial())) {
      CHECK_FALSE(seen.ok());
      ++tally.no_file;
      return;
    }
    const Result<Verification> left = verify(capture.partial(), std::nullopt);
    if (!left.ok()) {
      INFO(left.error().message);
      CHECK(left.error().message.starts_with("nothing was recorded in "));
      CHECK_FALSE(seen.ok());
      ++tally.nothing_recorded;
      return;
    }
    INFO(left->finding);
    // A complete one without its final name is intact.
    if (left->integrity == Integrity::kIntact) {
      ++tally.sealed;
      return;
    }
    REQUIRE(left->integrity == Integrity::kUnsealed);
    ++tally.unsealed;
    const std::string saved = check_programs(capture);
    if (seen.ok() && seen->records > 0) {
      CHECK(left->records >= seen->records);
      CHECK(sql_rows(saved, fmt::format("SELECT lower(hex(chain)) FROM event WHERE seq = {}",
                                        seen->records)) ==
            std::vector<std::string>{to_hex(seen->head)});
    }
    if (ram.valid()) check_memory(writes_on(capture.partial()), ram);
  }

  // Returns the name of what was salvaged.
  std::string check_programs(const LiveCapture& capture) {
    CHECK(status_of("verify", {capture.partial()}) == 1);
    CHECK(status_of("show", {capture.partial()}) == 0);
    CHECK(status_of("info", {capture.partial()}) == 0);
    const int checked = status_of("check", {capture.partial(), "--only", "run-completed"});
    CHECK((checked == 77 || checked == 0 ||
           checked == 1));  // how the run ended may be on the tape already
    const std::string saved = capture.file("saved.ktape");
    CHECK(status_of("verify", {capture.partial(), "--salvage", saved}) == 0);
    const Integrity integrity = must(verify(saved, std::nullopt)).integrity;
    CHECK((integrity == Integrity::kTruncated || integrity == Integrity::kIntact));
    return saved;
  }

  // The machine is gone, its memory is still here: every write to it had been requested on the
  // tape.
  void check_memory(const WritesOnTape& writes, const UniqueFd& ram) {
    if (!writes.address) return;
    uint64_t value = 0;
    REQUIRE(::pread(ram.get(), &value, sizeof value, static_cast<off_t>(*writes.address)) ==
            sizeof value);
    if (value <= kWritesBase || value > kWritesBase + kWritesToGuest) return;
    ++tally.amid_writes;
    CHECK(value - kWritesBase <= writes.requested);
  }

  std::mt19937_64 random_{std::random_device()()};
  int64_t life_ = 0;  // in ms
  int64_t writes_ = 0;
};

}  // namespace

TEST_CASE(
    "a capture that is killed at any moment leaves its tape and no QEMU, and no write that is not "
    "on it") {
  KilledCaptures captures;
  captures.time_one();
  for (int i = 0; i < KTAPE_CAPTURES; ++i) captures.kill_one(i % 2 == 0);
  const Tally& tally = captures.tally;
  fmt::print(stderr,
             "{} captures killed: {} before there was a file, {} before anything was recorded, {} "
             "unsealed ({} with"
             " writes in the guest's memory), {} sealed\n",
             KTAPE_CAPTURES, tally.no_file, tally.nothing_recorded, tally.unsealed,
             tally.amid_writes, tally.sealed);
  CHECK(tally.unsealed > 0);
}

}  // namespace ktape::test
