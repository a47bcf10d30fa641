// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace ktape {

// Counts the intervals of an op with `every`, numbered from 1. The first one is due at once. An
// interval is taken when its request begins; if the next one is due by then, it is missed and not
// made up for. The caller passes in all times.
class IntervalCount {
 public:
  using Clock = std::chrono::steady_clock;

  // `every` > 0.
  IntervalCount(Clock::time_point start, std::chrono::milliseconds every)
      : start_(start), every_(every) {}

  // When the next interval is due.
  [[nodiscard]] Clock::time_point due() const { return start_ + every_ * last_; }
  // Takes the last of the intervals that are due, and returns its number. One of them must be due.
  uint64_t take(Clock::time_point now);
  // No more intervals; those that are due are missed.
  void end(Clock::time_point now);

  [[nodiscard]] uint64_t taken() const { return taken_; }
  [[nodiscard]] uint64_t missed() const { return last_ - taken_; }

 private:
  // The number of intervals due by that time.
  [[nodiscard]] uint64_t due_by(Clock::time_point time) const;

  Clock::time_point start_;
  std::chrono::milliseconds every_;
  uint64_t last_ = 0;  // number of the last one that was taken or missed
  uint64_t taken_ = 0;
};

}  // namespace ktape
