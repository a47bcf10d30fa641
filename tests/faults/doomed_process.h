// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>

#include "schema/base/file.h"

namespace ktape::test {

// A process that does `work`, reports how far it came, and is killed with SIGKILL at a moment that
// it does not choose.
class DoomedProcess {
 public:
  // Tells the other side, which keeps the last number that was told before the end.
  using Report = std::function<void(uint64_t)>;

  explicit DoomedProcess(const std::function<void(const Report&)>& work);
  ~DoomedProcess();
  DoomedProcess(const DoomedProcess&) = delete;
  DoomedProcess& operator=(const DoomedProcess&) = delete;

  // Kills it when so much time has passed, unless it came to its end by itself before. False: it
  // did.
  bool kill_after(std::chrono::microseconds time) { return kill_after(0, time); }
  // The same, from the moment on that it tells `number` or a larger one.
  bool kill_after(uint64_t number, std::chrono::microseconds time);

  [[nodiscard]] bool reported() const { return reported_; }
  // The last number that it told.
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
