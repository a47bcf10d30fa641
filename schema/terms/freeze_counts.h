// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape {

// The default trigger.
inline constexpr char kScxErrorTrigger[] = "scx-error";

// The result of a trigger. A hit is a vCPU that was at the function when the machine stopped. All
// hits of one stop are served in one freeze.
struct TriggerCount {
  std::string name;
  bool armed = false;  // its breakpoint was set
  uint64_t freezes = 0;
  uint64_t hits = 0;

  // "symbol:schedule: 3 times", "symbol:schedule: never, it was not entered"
  [[nodiscard]] std::string text() const;
};

// What happened at the end of each interval at which the machine was to be frozen. As
// IntervalCounts of record.capnp.
struct IntervalCounts {
  uint64_t froze = 0;
  uint64_t skipped_busy = 0;  // the freeze before, with its recording, took too long
  uint64_t skipped_late = 0;  // the host was doing something else

  [[nodiscard]] uint64_t all() const { return froze + skipped_busy + skipped_late; }
};

// "232 of 450 intervals froze; 218 were skipped: the previous freeze and its recording took longer"
[[nodiscard]] std::string intervals_text(const IntervalCounts& counts);

// How often a trigger froze: "never", "once", "3 times", "100 hits in 64 freezes". `hits` 0: not
// known.
[[nodiscard]] std::string hits_text(uint64_t freezes, uint64_t hits);

}  // namespace ktape
