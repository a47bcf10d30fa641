// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "tests/capture/freeze/host_freezes_fixture.h"

namespace ktape::test {

using schema::FreezeCause;

TEST_CASE_METHOD(HostFreezesFixture,
                 "the tape has how many intervals froze, and how many did not and why") {
  scenario(
      "(name = \"t\", watchdogMs = 60, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  load();
  freezes.every = std::chrono::milliseconds(1);
  hello();
  step_started(0, "only");
  const RunEnd end = run();
  REQUIRE(end.intervals);
  auto seen = freezes_seen();
  // The watchdog has one of its own.
  std::erase_if(seen,
                [](const SeenFreeze& freeze) { return freeze.cause != FreezeCause::PERIODIC; });
  uint64_t last = 0;
  for (const SeenFreeze& freeze : seen) {
    CHECK(freeze.interval > last);
    last = freeze.interval;
  }
  CHECK(end.intervals->froze == seen.size());
  CHECK(end.intervals->all() >= last);
  CHECK(end.intervals->all() >= 59);
  bool sealed = false;
  read([&](schema::Record::Reader record) {
    if (!record.isSealed()) return;
    sealed = record.getSealed().hasIntervals();
    CHECK(record.getSealed().getIntervals().getFroze() == end.intervals->froze);
    CHECK(record.getSealed().getIntervals().getSkippedBusy() == end.intervals->skipped_busy);
    CHECK(record.getSealed().getIntervals().getSkippedLate() == end.intervals->skipped_late);
  });
  CHECK(sealed);
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "neither the boot deadline nor the run watchdog counts frozen time") {
  scenario(
      "(name = \"t\", bootDeadlineMs = 200, watchdogMs = 200, "
      "steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  load();
  machine().thaw_takes(std::chrono::milliseconds(150));
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 9, false}};
  hello();  // 150 ms
  stands_at("jiffies_64");
  breakpoint();
  breakpoint();
  step_started(0, "only");
  breakpoint();
  breakpoint();
  finish();
  CHECK(freezes_seen().size() == 4);
}

TEST_CASE_METHOD(HostFreezesFixture, "a run without intervals has none on its tape") {
  load();
  hello();
  finish();
  read([](schema::Record::Reader record) {
    if (record.isSealed()) CHECK_FALSE(record.getSealed().hasIntervals());
  });
}

TEST_CASE_METHOD(HostFreezesFixture, "periodic freezes start at the first step") {
  scenario(
      "(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  load();
  freezes.every = std::chrono::milliseconds(1);
  hello();
  step_started(0, "only");
  CHECK(run().outcome == schema::Outcome::RUN_TIMED_OUT);
  const auto seen = freezes_seen();
  REQUIRE(seen.size() >= 2);
  for (const SeenFreeze& freeze : seen) {
    CHECK(freeze.cause ==
          (&freeze == &seen.back() ? FreezeCause::WATCHDOG : FreezeCause::PERIODIC));
    CHECK(freeze.op == 0);
  }
}

TEST_CASE_METHOD(HostFreezesFixture, "before the first step nothing is frozen periodically") {
  scenario(
      "(name = \"t\", bootDeadlineMs = 50, steps = [(name = \"only\", actions = [(sleepMs = "
      "1)])])");
  load();
  freezes.every = std::chrono::milliseconds(1);
  hello();
  CHECK(run().outcome == schema::Outcome::BOOT_TIMED_OUT);
  REQUIRE(freezes_seen().size() == 1);
  CHECK(freezes_seen()[0].cause == FreezeCause::WATCHDOG);
}

}  // namespace ktape::test
