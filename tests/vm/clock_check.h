// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape::test {

// What the guest said of its clocks at one time.
struct ClockStatement {
  double uptime_s = 0;   // /proc/uptime, cut to two decimals
  uint64_t jiffies = 0;  // /proc/timer_list, read just after it
};

// Holds jiffies that the host read with the machine frozen against what the guest said before and after. They
// stand between the two by the guest's jiffies, and by its uptime, to within a few ticks. Returns what does
// not hold, for people; empty when all does.
[[nodiscard]] std::string clock_disagreement(const ClockStatement& before, const ClockStatement& after,
                                             uint64_t read, uint32_t hz);

}  // namespace ktape::test
