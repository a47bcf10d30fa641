// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/base/interval_count.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

using std::chrono::milliseconds;

const IntervalCount::Clock::time_point kStart{std::chrono::hours(1)};

IntervalCount::Clock::time_point at(int ms) { return kStart + milliseconds(ms); }

TEST_CASE("the first interval is due at once, the others one after the other") {
  IntervalCount count(kStart, milliseconds(50));
  CHECK(count.due() == at(0));
  CHECK(count.take(at(0)) == 1);
  CHECK(count.due() == at(50));
  CHECK(count.take(at(51)) == 2);
  // From the start, so that lateness does not add up.
  CHECK(count.due() == at(100));
  CHECK(count.taken() == 2);
  CHECK(count.missed() == 0);
}

TEST_CASE("intervals that pass before one is taken are missed and not made up for") {
  IntervalCount count(kStart, milliseconds(50));
  (void)count.take(at(0));
  CHECK(count.take(at(230)) == 5);
  CHECK(count.missed() == 3);
  CHECK(count.due() == at(250));
  CHECK(count.taken() == 2);
}

TEST_CASE("intervals that are due at the end are missed") {
  IntervalCount count(kStart, milliseconds(50));
  (void)count.take(at(0));
  count.end(at(49));
  CHECK(count.missed() == 0);
  count.end(at(120));
  CHECK(count.missed() == 2);
  CHECK(count.taken() == 1);
}

TEST_CASE("no number is given twice") {
  IntervalCount count(kStart, milliseconds(50));
  CHECK(count.take(at(0)) == 1);
  CHECK(count.take(at(0)) == 2);
}

}  // namespace
}  // namespace ktape
