// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "schema/base/units.h"
#include "schema/record.capnp.h"

namespace ktape {

// The trigger that freezes when the kernel is about to eject a scheduler.
inline constexpr std::string_view kEjectionTrigger = "scx-error";

// Tracks, over a run, the ejections that began and have no end on the tape yet: what starves a
// scheduler may also starve the kernel's thread that disables it, and the run may end in between.
class Ejections {
 public:
  static constexpr size_t kMaxUnderWay = 256;  // at once; the oldest are forgotten

  struct Ejection {
    Seq seq;           // of the freeze that reports it
    std::string said;  // the kernel's message, safe to print
  };

  // A freeze, of any cause.
  void froze(Seq seq, schema::FreezeBegan::Reader began);
  // The tape has the exit of the scheduler of that name, or the failure of its enable.
  void ended(std::string_view scheduler);

  // The last ejection of the scheduler of that name; nullptr if there is none. On kernels whose
  // schedulers are not objects the kernel does not name the scheduler, and there is only one.
  [[nodiscard]] const Ejection* of(std::string_view scheduler) const;

 private:
  std::deque<Ejection> under_way_;
};

}  // namespace ktape
