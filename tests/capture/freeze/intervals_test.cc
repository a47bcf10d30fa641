// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/intervals.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

namespace {

using std::chrono::milliseconds;

// Intervals of 20 ms, and a clock that the test moves.
class Clockwork {
 public:
  Clockwork() { intervals.begin(start_); }

  [[nodiscard]] Intervals::Clock::time_point at(int ms) const { return start_ + milliseconds(ms); }
  [[nodiscard]] int due_ms() const {
    return static_cast<int>(
        std::chrono::duration_cast<milliseconds>(intervals.due() - start_).count());
  }
  // A freeze that begins and ends then.
  uint64_t freeze(int from_ms, int to_ms) {
    const uint64_t interval = intervals.take(at(from_ms));
    intervals.done(at(to_ms));
    return interval;
  }
  void counts_are(uint64_t froze, uint64_t busy, uint64_t late) const {
    CHECK(intervals.counts().froze == froze);
    CHECK(intervals.counts().skipped_busy == busy);
    CHECK(intervals.counts().skipped_late == late);
  }

  Intervals intervals{milliseconds(20)};

 private:
  Intervals::Clock::time_point start_ = Intervals::Clock::now();
};

}  // namespace

TEST_CASE_METHOD(Clockwork, "each interval freezes at its end if freezes are short") {
  CHECK(due_ms() == 20);
  CHECK(freeze(20, 25) == 1);
  CHECK(due_ms() == 40);
  CHECK(freeze(41, 50) == 2);
  CHECK(due_ms() == 60);
  intervals.end(at(55));
  counts_are(2, 0, 0);
}

TEST_CASE_METHOD(Clockwork, "intervals that end during a freeze and its recording are skipped") {
  CHECK(freeze(20, 65) == 1);
  CHECK(due_ms() == 80);
  CHECK(freeze(80, 85) == 4);
  counts_are(2, 2, 0);
}

TEST_CASE_METHOD(
    Clockwork,
    "an interval that ends too soon after a freeze is skipped: the guest gets half of it") {
  (void)freeze(20, 31);
  CHECK(due_ms() == 60);
  counts_are(1, 1, 0);
  (void)freeze(60, 70);
  CHECK(due_ms() == 80);
}

TEST_CASE_METHOD(Clockwork, "a late host makes up for nothing, and says so") {
  CHECK(freeze(85, 86) == 4);
  CHECK(due_ms() == 100);
  counts_are(1, 0, 3);
}

TEST_CASE_METHOD(Clockwork, "at the end every interval that has passed is counted, and no other") {
  (void)freeze(20, 25);
  intervals.end(at(70));
  counts_are(1, 0, 2);
  CHECK(intervals.due() == Intervals::Clock::time_point::max());
  intervals.end(at(700));
  counts_are(1, 0, 2);

  Clockwork other;
  (void)other.freeze(20, 31);  // the one at 40 ms is given up
  other.intervals.end(other.at(35));
  other.counts_are(1, 0, 0);
}

TEST_CASE("without intervals, or before the first step, nothing is due") {
  Intervals none(milliseconds(0));
  none.begin(Intervals::Clock::now());
  CHECK(none.due() == Intervals::Clock::time_point::max());
  Intervals waiting(milliseconds(1));
  CHECK(waiting.due() == Intervals::Clock::time_point::max());
  waiting.end(Intervals::Clock::now());
  CHECK(waiting.counts().all() == 0);
}

TEST_CASE("the result of the intervals is described with the reason") {
  CHECK(intervals_text({}) == "no interval has passed");
  CHECK(intervals_text({.froze = 450}) == "450 of 450 intervals froze");
  CHECK(intervals_text({.froze = 232, .skipped_busy = 218}) ==
        "232 of 450 intervals froze; 218 were skipped: the previous freeze and its recording took "
        "longer");
  CHECK(intervals_text({.froze = 1, .skipped_late = 1}) ==
        "1 of 2 intervals froze; 1 was skipped: the host was busy with something else, or late");
  CHECK(intervals_text({.froze = 1, .skipped_busy = 2, .skipped_late = 3}) ==
        "1 of 6 intervals froze; 5 were skipped: at 2 the previous freeze and its recording took "
        "longer; at 3 "
        "the host was busy with something else, or late");
}

}  // namespace ktape::test
