// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/clock_check.h"

#include <fmt/format.h>

#include <cmath>

namespace ktape::test {

namespace {

constexpr uint64_t kInitialSecondsToWrap = 300;  // INITIAL_JIFFIES, include/linux/jiffies.h
constexpr double kUptimeStep = 0.01;             // /proc/uptime has two decimals
// A tick may come between reading uptime and jiffies, and one before the first of them. And the CPU
// that counts may not have run: another takes over after 5 ticks (MAX_STALLED_JIFFIES,
// kernel/time/tick-sched.c).
constexpr uint64_t kLateTicks = 2 + 5;

}  // namespace

std::string clock_disagreement(const ClockStatement& before, const ClockStatement& after,
                               uint64_t read, uint32_t hz, double most_lead_s) {
  if (hz == 0) return "the rate of jiffies is not known\n";
  std::string text;
  if (read < before.jiffies)
    text += fmt::format("{} jiffies were read, {} said before\n", read, before.jiffies);
  if (read > after.jiffies)
    text += fmt::format("{} jiffies were read, {} said after\n", read, after.jiffies);

  const double initial = std::pow(2, 32) - static_cast<double>(kInitialSecondsToWrap * hz);
  const auto seconds = [&](uint64_t jiffies) {
    return (static_cast<double>(jiffies) - initial) / hz;
  };
  const double slack = kUptimeStep + static_cast<double>(kLateTicks) / hz;
  const double lead = before.uptime_s - seconds(before.jiffies);
  if (std::abs(lead) > most_lead_s)
    text += fmt::format("uptime is {:.3f} s ahead of jiffies\n", lead);
  const double then = seconds(read) + lead;
  if (then < before.uptime_s - slack || then > after.uptime_s + slack) {
    text += fmt::format(
        "the jiffies that were read are an uptime of {:.3f} s, not {:.2f} s to {:.2f} s\n", then,
        before.uptime_s, after.uptime_s);
  }
  const double lead_after = after.uptime_s - seconds(after.jiffies);
  if (std::abs(lead_after - lead) > slack)
    text += fmt::format("uptime got {:.3f} s ahead of jiffies in between\n", lead_after - lead);
  return text;
}

}  // namespace ktape::test
