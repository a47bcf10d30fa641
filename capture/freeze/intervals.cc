// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/intervals.h"

#include <algorithm>

namespace ktape {

void Intervals::begin(Clock::time_point now) {
  if (every_.count() > 0 && !start_) start_ = now;
}

uint64_t Intervals::ended_by(Clock::time_point time) const {
  return static_cast<uint64_t>((time - *start_) / every_);
}

Intervals::Clock::time_point Intervals::due() const {
  if (!start_ || over_) return Clock::time_point::max();
  // From the start and not from the previous freeze, so that a delay does not shift all later ones.
  return *start_ + next_ * every_;
}

uint64_t Intervals::take(Clock::time_point now) {
  // Behind schedule: the intervals that have passed meanwhile are counted, not made up for.
  const uint64_t interval = std::max(ended_by(now), next_);
  counts_.skipped_late += interval - next_;
  ++counts_.froze;
  next_ = interval + 1;
  return interval;
}

void Intervals::done(Clock::time_point now) {
  // The earliest interval that leaves the guest half an interval to run.
  const uint64_t first = ended_by(now + every_ / 2 - std::chrono::nanoseconds(1)) + 1;
  if (first <= next_) return;
  counts_.skipped_busy += first - next_;
  next_ = first;
}

void Intervals::end(Clock::time_point now) {
  if (!start_ || over_) return;
  over_ = true;
  const uint64_t ended = ended_by(now);
  // Due, and never taken: the run ended first.
  if (ended >= next_) counts_.skipped_late += ended - next_ + 1;
  // An interval skipped in advance does not count if it never ended.
  if (next_ > ended + 1) counts_.skipped_busy -= std::min(counts_.skipped_busy, next_ - ended - 1);
}

}  // namespace ktape
