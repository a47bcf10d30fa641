// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/lockup_coverage.h"

#include <algorithm>

#include "schema/terms/lockups.h"

namespace ktape {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

// `whole` minus `part`; an untrusted tape may have any numbers.
uint64_t without(uint64_t whole, uint64_t part) { return whole - std::min(whole, part); }

}  // namespace

void LockupCoverage::stretch_ends(uint64_t host_ns) {
  longest_ns_ = std::max(longest_ns_, without(host_ns, stretch_ns_));
}

void LockupCoverage::visit(const RecordView& view) {
  if (!view.known) return;
  const uint64_t host_ns = view.record.getHostNs();
  // Host times never go back on a tape, except on one that was tampered with.
  last_ns_ = std::max(last_ns_, host_ns);
  if (view.record.isRunStarted()) {
    resets_ = view.record.getRunStarted().getFreezesResetWatchdogs();
  } else if (view.record.isKernelIdentified()) {
    soft_lockup_ms_ = view.record.getKernelIdentified().getSoftLockupMs();
    rcu_stall_ms_ = view.record.getKernelIdentified().getRcuStallMs();
    // From here on the thresholds are known; what came before is the boot.
    began_ = true;
    began_ns_ = stretch_ns_ = host_ns;
  } else if (view.record.isFreezeBegan()) {
    // The watchdogs restart at the thaw (PVCLOCK_GUEST_STOPPED, which QEMU sets as it resumes), so
    // a stretch ends where the next freeze begins.
    ++freezes_;
    stretch_ends(host_ns);
  } else if (view.record.isThawed()) {
    stretch_ns_ = host_ns;
    frozen_ns_ += std::min(view.record.getThawed().getFrozenNs(), ~frozen_ns_);
  }
}

std::string LockupCoverage::hidden_text() const {
  if (!resets_ || !began_ || freezes_ == 0) return "";
  // The last stretch has no freeze at its end.
  const uint64_t longest_ms = std::max(longest_ns_, without(last_ns_, stretch_ns_)) / kNsPerMs;
  const uint64_t ran_ms = without(without(last_ns_, began_ns_), frozen_ns_) / kNsPerMs;
  // If the run was too short for a report anyway, its freezes hid nothing.
  const auto in_time = [&](uint64_t threshold_ms) {
    return threshold_ms <= ran_ms ? threshold_ms : 0;
  };
  const std::string lockups =
      lockups_later_than(longest_ms, in_time(soft_lockup_ms_), in_time(rcu_stall_ms_));
  if (lockups.empty()) return "";
  return "freezes came at most " + seconds_text(longest_ms) +
         " apart, and under KVM each one restarts the lockup watchdogs of the guest's kernel: it "
         "could not report " +
         lockups;
}

}  // namespace ktape
