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

// Keeps, over a run, which ejections have begun and are not known to have ended: what starves a
// scheduler may starve the kernel's thread that takes it down as well, and the run ends in between.
class Ejections {
 public:
  static constexpr size_t kMaxUnderWay = 256;  // at one time; the oldest are forgotten

  struct Ejection {
    Seq seq;           // of the freeze that tells of it
    std::string said;  // what the kernel says of it, safe to print
  };

  // A freeze, of whatever cause.
  void froze(Seq seq, schema::FreezeBegan::Reader began);
  // The tape has the exit of the scheduler of that name, or the failure of its enable.
  void ended(std::string_view scheduler);

  // The last one of the scheduler of that name; nullptr where there is none. Where schedulers are
  // no objects the kernel does not say whose error it is, and there is only one.
  [[nodiscard]] const Ejection* of(std::string_view scheduler) const;

 private:
  std::deque<Ejection> under_way_;
};

}  // namespace ktape
