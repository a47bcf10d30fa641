// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape {

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
