// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/freeze_counts.h"

namespace ktape {

namespace {

constexpr char kBusy[] = "the previous freeze and its recording took longer";
constexpr char kLate[] = "the host was busy with something else, or late";

}  // namespace

std::string TriggerCount::text() const {
  if (!armed) return name + ": never, it was not set up";
  if (freezes > 0) return name + ": " + hits_text(freezes, hits);
  return name + (name == kScxErrorTrigger ? ": never" : ": never, it was not entered");
}

std::string intervals_text(const IntervalCounts& counts) {
  if (counts.all() == 0) return "no interval has passed";
  const uint64_t skipped = counts.skipped_busy + counts.skipped_late;
  std::string text =
      std::to_string(counts.froze) + " of " + std::to_string(counts.all()) + " intervals froze";
  if (skipped == 0) return text;
  text += "; " + std::to_string(skipped) + (skipped == 1 ? " was skipped: " : " were skipped: ");
  if (counts.skipped_late == 0) return text + kBusy;
  if (counts.skipped_busy == 0) return text + kLate;
  return text + "at " + std::to_string(counts.skipped_busy) + " " + kBusy + "; at " +
         std::to_string(counts.skipped_late) + " " + kLate;
}

std::string hits_text(uint64_t freezes, uint64_t hits) {
  if (freezes == 0) return "never";
  if (hits > freezes)
    return std::to_string(hits) + " hits in " + std::to_string(freezes) +
           (freezes == 1 ? " freeze" : " freezes");
  return freezes == 1 ? "once" : std::to_string(freezes) + " times";
}

}  // namespace ktape
