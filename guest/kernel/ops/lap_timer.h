// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

namespace ktape {

// Times consecutive steps. Reading a clock takes longer than serving most ops, so laps are counted
// in ticks of the CPU's time stamp counter, and the clock is used only to calibrate it.
class LapTimer {
 public:
  // Ticks since the previous lap, or since construction.
  uint64_t lap() {
    const uint64_t now = ticks();
    // The counters of two CPUs may differ slightly.
    const uint64_t passed = now > last_ ? now - last_ : 0;
    last_ = now;
    return passed;
  }

  // Average over all laps so far; 0 before the counter has moved. Reads the clock, so call it after
  // the thaw.
  [[nodiscard]] double ns_per_tick() const {
    const auto passed = std::chrono::nanoseconds(std::chrono::steady_clock::now() - began_).count();
    const uint64_t counted = ticks() - first_;
    return counted == 0 ? 0 : static_cast<double>(passed) / static_cast<double>(counted);
  }

 private:
  static uint64_t ticks() {
#ifdef __x86_64__
    return __rdtsc();
#else
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
  }

  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const uint64_t first_ = ticks();
  uint64_t last_ = first_;
};

}  // namespace ktape
