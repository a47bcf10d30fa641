// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>

#include "schema/base/file.h"

namespace ktape::test {

// A process that does `work`, reports its progress, and is killed with SIGKILL at a moment that it
// does not choose.
class DoomedProcess {
 public:
  // Reports a number to the other side, which keeps the last one before the end.
  using Report = std::function<void(uint64_t)>;

  explicit DoomedProcess(const std::function<void(const Report&)>& work);
  ~DoomedProcess();
  DoomedProcess(const DoomedProcess&) = delete;
  DoomedProcess& operator=(const DoomedProcess&) = delete;

  // Kills it after this time, unless it ended before. False: it ended before.
  bool kill_after(std::chrono::microseconds time) { return kill_after(0, time); }
  // The same, counted from when it reports `number` or a larger one.
  bool kill_after(uint64_t number, std::chrono::microseconds time);

  [[nodiscard]] bool reported() const { return reported_; }
  // The last number that it reported.
  [[nodiscard]] uint64_t last_report() const { return last_report_; }

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] bool report_comes_before(Clock::time_point moment) const;

  pid_t child_ = -1;
  UniqueFd reports_;
  bool reported_ = false;
  uint64_t last_report_ = 0;
};

}  // namespace ktape::test
