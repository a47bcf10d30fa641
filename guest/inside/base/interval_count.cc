// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/base/interval_count.h"

#include <algorithm>

namespace ktape {

uint64_t IntervalCount::take(Clock::time_point now) {
  last_ = std::max(due_by(now), last_ + 1);
  ++taken_;
  return last_;
}

void IntervalCount::end(Clock::time_point now) { last_ = std::max(due_by(now), last_); }

uint64_t IntervalCount::due_by(Clock::time_point time) const {
  if (time < start_) return 0;
  return static_cast<uint64_t>((time - start_) / every_) + 1;
}

}  // namespace ktape
