// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/clock_check.h"

#include <catch2/catch_test_macros.hpp>

// Shows that the check of a guest's clocks finds errors: the numbers are from a run on 6.16.
namespace ktape::test {

namespace {

constexpr uint32_t kHz = 250;
constexpr uint64_t kJiffies = (uint64_t{1} << 32) - 300 * kHz + 905;
const ClockStatement kBefore{3.79, kJiffies};
const ClockStatement kAfter{3.83, kJiffies + 10};

}  // namespace

TEST_CASE("jiffies between two reports of the guest agree with its clocks") {
  for (const uint64_t later : {0, 3, 10})
    CHECK(clock_disagreement(kBefore, kAfter, kJiffies + later, kHz).empty());
}

TEST_CASE("jiffies outside the two reports disagree, even by a single one") {
  CHECK(clock_disagreement(kBefore, kAfter, kJiffies - 1, kHz) ==
        "4294893200 jiffies were read, 4294893201 said before\n");
  CHECK(clock_disagreement(kBefore, kAfter, kJiffies + 11, kHz) ==
        "4294893212 jiffies were read, 4294893211 said after\n");
}

TEST_CASE("jiffies that are not those of the guest disagree") {
  CHECK_FALSE(clock_disagreement(kBefore, kAfter, 0, kHz).empty());
  CHECK_FALSE(clock_disagreement(kBefore, kAfter, ~uint64_t{0}, kHz).empty());
  CHECK_FALSE(
      clock_disagreement(kBefore, kAfter, kJiffies & 0xffff, kHz).empty());  // too few bytes
  CHECK_FALSE(clock_disagreement(kBefore, kAfter, 905, kHz).empty());        // no initial offset
}

TEST_CASE("jiffies and uptime disagree at any other rate of ticks") {
  for (const uint32_t wrong : {0, 100, 249, 251, 300, 1000}) {
    INFO("HZ " << wrong);
    CHECK_FALSE(clock_disagreement(kBefore, kAfter, kJiffies + 3, wrong).empty());
  }
}

TEST_CASE(
    "a guest whose uptime advanced without its jiffies, or vice versa, disagrees with itself") {
  ClockStatement after = kAfter;
  after.uptime_s += 0.1;
  CHECK(clock_disagreement(kBefore, after, kJiffies + 3, kHz) ==
        "uptime got 0.100 s ahead of jiffies in between\n");
  after = {kAfter.uptime_s, kAfter.jiffies + 25};
  CHECK(clock_disagreement(kBefore, after, kJiffies + 30, kHz) ==
        "the jiffies that were read are an uptime of 3.910 s, not 3.79 s to 3.83 s\n"
        "uptime got -0.100 s ahead of jiffies in between\n");
}

TEST_CASE("a guest whose uptime has little to do with its jiffies disagrees with itself") {
  CHECK(clock_disagreement({5.79, kJiffies}, {5.83, kJiffies + 10}, kJiffies + 3, kHz) ==
        "uptime is 2.170 s ahead of jiffies\n");
  CHECK(clock_disagreement({5.79, kJiffies}, {5.83, kJiffies + 10}, kJiffies + 3, kHz,
                           kMaxLeadKvm) == "");
  CHECK_FALSE(clock_disagreement({0, 905}, {0.04, 915}, 908, kHz, kMaxLeadKvm)
                  .empty());  // no initial offset
}

}  // namespace ktape::test
