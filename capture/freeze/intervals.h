// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "schema/terms/freeze_counts.h"

namespace ktape {

// When a machine is frozen at the ends of intervals of one length, counted from 1, and why it was
// not at the others. An interval whose end is missed is not made up for, and from the end of one
// freeze and its recording to the next the guest gets half an interval at least. The times are the
// caller's.
class Intervals {
 public:
  using Clock = std::chrono::steady_clock;

  // `every` of 0: there are none.
  explicit Intervals(std::chrono::milliseconds every) : every_(every) {}

  // The first interval begins; once.
  void begin(Clock::time_point now);
  [[nodiscard]] bool begun() const { return start_.has_value(); }
  // Nothing is due any more; what was due and not frozen for is skipped.
  void end(Clock::time_point now);

  // When to freeze next; the far future without anything to come.
  [[nodiscard]] Clock::time_point due() const;
  // It is due: the interval for which the machine is frozen now.
  uint64_t take(Clock::time_point now);
  // That freeze and its recording are over.
  void done(Clock::time_point now);

  [[nodiscard]] const IntervalCounts& counts() const { return counts_; }

 private:
  // How many intervals have ended by then.
  [[nodiscard]] uint64_t ended_by(Clock::time_point time) const;

  std::chrono::nanoseconds every_;
  std::optional<Clock::time_point> start_;
  bool over_ = false;
  uint64_t next_ = 1;
  IntervalCounts counts_;
};

}  // namespace ktape
