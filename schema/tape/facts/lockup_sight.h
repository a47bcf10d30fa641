// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "schema/tape/reading/reader.h"

namespace ktape {

// Whether the guest's kernel could have told of a lock-up, found out while a tape's records go by.
// Under KVM its watchdogs begin anew after each freeze, so freezes that come often keep them from
// ever telling. That no lock-up was told means nothing then. sched_ext's own watchdog, which ejects
// a scheduler for a stall, is not among them.
class LockupSight {
 public:
  void visit(const RecordView& record);

  // "freezes came 2 s apart at most, and under KVM each makes the guest's kernel watch for lock-ups
  // anew: it could not tell of a soft lock-up (...)". Empty: it could, or the run was too short for
  // it anyway, or the tape does not say.
  [[nodiscard]] std::string hidden_text() const;

 private:
  void stretch_ends(uint64_t host_ns);

  bool resets_ = false;  // a freeze makes the kernel watch anew
  uint64_t soft_lockup_ms_ = 0, rcu_stall_ms_ = 0;
  bool began_ = false;  // the kernel is known
  uint64_t stretch_ns_ = 0, last_ns_ = 0;
  uint64_t frozen_ns_ = 0;   // in all
  uint64_t longest_ns_ = 0;  // that the guest ran without a freeze
  uint64_t freezes_ = 0;
  uint64_t began_ns_ = 0;
};

}  // namespace ktape
