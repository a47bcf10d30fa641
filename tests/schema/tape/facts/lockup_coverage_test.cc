// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/lockup_coverage.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/tape/reading/reader.h"
#include "schema/terms/lockups.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

struct Run {
  bool resets = true;
  uint64_t soft_ms = 20'000, rcu_ms = 21'000;
  uint64_t every_ms = 2000;  // it is frozen for 1 ms
  uint64_t lasts_ms = 60'000;
};

std::string hidden(const Run& run) {
  const TempDir folder;
  TapeBuilder tape(folder.file("run.ktape"));
  const auto at = [&](uint64_t ms, const std::function<void(schema::Record::Builder)>& fill) {
    must(tape.writer().append(HostNs(ms * kNsPerMs), GuestNs(0), fill));
  };
  at(0, [&](schema::Record::Builder record) {
    record.initRunStarted().setFreezesResetWatchdogs(run.resets);
  });
  at(1000, [&](schema::Record::Builder record) {
    record.initKernelIdentified().setSoftLockupMs(run.soft_ms);
    record.getKernelIdentified().setRcuStallMs(run.rcu_ms);
  });
  for (uint64_t ms = 1000 + run.every_ms; run.every_ms > 0 && ms < 1000 + run.lasts_ms;
       ms += run.every_ms) {
    at(ms, [](schema::Record::Builder record) { record.initFreezeBegan(); });
    at(ms + 1, [](schema::Record::Builder record) { record.initThawed().setFrozenNs(kNsPerMs); });
  }
  at(1000 + run.lasts_ms, [](schema::Record::Builder record) { record.initGuestExited(); });
  must(tape.writer().commit());
  LockupCoverage coverage;
  must(must(TapeReader::open(tape.writer().partial_path()))
           ->for_each([&](const RecordView& view) -> Result<void> {
             coverage.visit(view);
             return {};
           }));
  return coverage.hidden_text();
}

}  // namespace

TEST_CASE("freezes more frequent than a lockup report hide the lockup") {
  CHECK(hidden({}) ==
        "freezes came at most 2 s apart, and under KVM each one restarts the lockup watchdogs of "
        "the guest's kernel: it could not report a soft lockup (reported after 20 s) or an RCU "
        "stall (21 s)");
  CHECK_THAT(hidden({.rcu_ms = 0}),
             Catch::Matchers::EndsWith("a soft lockup (reported after 20 s)"));
}

TEST_CASE("freezes hide no lockup if they reset nothing, are rare, or are missing") {
  CHECK(hidden({.resets = false}).empty());  // TCG, or an older recorder
  CHECK(hidden({.every_ms = 22'000}).empty());
  CHECK(hidden({.every_ms = 0}).empty());
  CHECK(hidden({.soft_ms = 0, .rcu_ms = 0}).empty());  // it does not watch, or is not known to
}

TEST_CASE("a report for which a run is too short is not hidden by its freezes") {
  CHECK(hidden({.lasts_ms = 19'000}).empty());
  CHECK_THAT(hidden({.soft_ms = 40'000, .rcu_ms = 3000, .lasts_ms = 19'000}),
             Catch::Matchers::EndsWith("report an RCU stall (reported after 3 s)"));
}

TEST_CASE("times of watchdogs are printed as seconds") {
  CHECK(seconds_text(20'000) == "20 s");
  CHECK(seconds_text(2500) == "2.5 s");
  CHECK(seconds_text(1007) == "1.007 s");
  CHECK(seconds_text(0) == "0 s");
}

}  // namespace ktape::test
