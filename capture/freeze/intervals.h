// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "schema/terms/freeze_counts.h"

namespace ktape {

// Decides when to freeze periodically, and counts skipped intervals by reason. Intervals have one
// length and are numbered from 1. A missed interval is not made up for. Between the end of one
// freeze, including its recording, and the next freeze the guest runs for at least half an
// interval. The caller passes in all times.
class Intervals {
 public:
  using Clock = std::chrono::steady_clock;

  // `every` == 0: no intervals.
  explicit Intervals(std::chrono::milliseconds every) : every_(every) {}

  // Begins the first interval. Call it once.
  void begin(Clock::time_point now);
  // Ends the intervals. Those due but not frozen for count as skipped.
  void end(Clock::time_point now);

  // When the next freeze is due; the far future if there is none.
  [[nodiscard]] Clock::time_point due() const;
  // Takes the interval that is due; the machine is frozen for it now.
  uint64_t take(Clock::time_point now);
  // The freeze and its recording have ended.
  void done(Clock::time_point now);

  [[nodiscard]] const IntervalCounts& counts() const { return counts_; }

 private:
  // Number of intervals that have ended by `time`.
  [[nodiscard]] uint64_t ended_by(Clock::time_point time) const;

  std::chrono::nanoseconds every_;
  std::optional<Clock::time_point> start_;
  bool over_ = false;
  uint64_t next_ = 1;
  IntervalCounts counts_;
};

}  // namespace ktape
