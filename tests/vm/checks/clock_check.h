// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape::test {

// The guest's report of its clocks at one time.
struct ClockStatement {
  double uptime_s = 0;   // /proc/uptime, cut to two decimals
  uint64_t jiffies = 0;  // /proc/timer_list, read just after it
};

// Ticks that a boot does not count leave uptime ahead of jiffies ever after: -0.02 s to 0.19 s were
// observed on 6.16 to 7.3 under TCG. Under KVM, kvm-clock counts from before the first tick: 2.6 s
// to 10.6 s were observed, nested, on a busy host. That bound only separates such a boot from
// jiffies without their initial offset of 300 s (INITIAL_JIFFIES, include/linux/jiffies.h).
inline constexpr double kMaxLeadTcg = 1, kMaxLeadKvm = 60;

// Compares jiffies that the host read in a freeze with the guest's reports before and after. They
// are between the two by the guest's jiffies, and by its uptime, to within a few ticks. Uptime may
// be ahead of jiffies by `most_lead_s`, which the boot did not count. Returns the violations, for
// people; empty if there are none.
[[nodiscard]] std::string clock_disagreement(const ClockStatement& before,
                                             const ClockStatement& after, uint64_t read,
                                             uint32_t hz, double most_lead_s = kMaxLeadTcg);

}  // namespace ktape::test
