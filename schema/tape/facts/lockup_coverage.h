// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "schema/tape/reading/reader.h"

namespace ktape {

// Whether the guest's kernel could have reported a lockup, computed while a tape's records go by.
// Under KVM its watchdogs restart after each freeze, so frequent freezes keep them from ever
// reporting; the absence of a lockup report then means nothing. sched_ext's own watchdog, which
// ejects a scheduler for a stall, is not affected.
class LockupCoverage {
 public:
  void visit(const RecordView& record);

  // "freezes came at most 2 s apart, and under KVM each one restarts the lockup watchdogs of the
  // guest's kernel: it could not report a soft lockup (...)". Empty: it could, or the run was too
  // short for it anyway, or the tape does not say.
  [[nodiscard]] std::string hidden_text() const;

 private:
  void stretch_ends(uint64_t host_ns);

  bool resets_ = false;  // a freeze restarts the kernel's watchdogs
  uint64_t soft_lockup_ms_ = 0, rcu_stall_ms_ = 0;
  bool began_ = false;  // the kernel is known
  uint64_t stretch_ns_ = 0, last_ns_ = 0;
  uint64_t frozen_ns_ = 0;   // in total
  uint64_t longest_ns_ = 0;  // longest time that the guest ran without a freeze
  uint64_t freezes_ = 0;
  uint64_t began_ns_ = 0;
};

}  // namespace ktape
