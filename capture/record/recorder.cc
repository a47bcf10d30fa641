// SPDX-License-Identifier: Apache-2.0
#include "capture/record/recorder.h"

namespace ktape {

HostNs Recorder::at(Clock::time_point time) const {
  auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time - began_).count();
  // A time before the run began (a stop that was under way) is 0, not a huge number.
  return HostNs(since > 0 ? static_cast<uint64_t>(since) : 0);
}

Result<void> Recorder::record_at(HostNs host, GuestNs guest,
                                 const std::function<void(schema::Record::Builder)>& fill) {
  KTAPE_TRY(writer_.append(host, guest, fill));
  return {};
}

void Recorder::lose(const std::string& name, const std::string& description, uint64_t count) {
  Loss& loss = losses_[name];
  loss.description = description;
  loss.count += count;
}

Result<SealedTape> Recorder::seal(schema::Outcome outcome, int32_t exit_code,
                                  const std::string& detail,
                                  const std::vector<TriggerCount>& triggers,
                                  const std::optional<IntervalCounts>& intervals) {
  return writer_.seal(now(), [&](schema::Sealed::Builder sealed) {
    sealed.setOutcome(outcome);
    sealed.setExitCode(exit_code);
    sealed.setDetail(detail);
    auto list = sealed.initLosses(static_cast<unsigned>(losses_.size()));
    unsigned i = 0;
    // Sorted by name, so that equal runs give equal records.
    for (const auto& [name, loss] : losses_) {
      list[i].setName(name);
      list[i].setDescription(loss.description);
      list[i].setCount(loss.count);
      ++i;
    }
    auto counts = sealed.initTriggers(static_cast<unsigned>(triggers.size()));
    for (unsigned at = 0; at < counts.size(); ++at) {
      counts[at].setName(triggers[at].name);
      counts[at].setArmed(triggers[at].armed);
      counts[at].setFreezes(triggers[at].freezes);
      counts[at].setHits(triggers[at].hits);
    }
    if (!intervals) return;
    auto to = sealed.initIntervals();
    to.setFroze(intervals->froze);
    to.setSkippedBusy(intervals->skipped_busy);
    to.setSkippedLate(intervals->skipped_late);
  });
}

}  // namespace ktape
