// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/phase_plan.h"

namespace ktape {

std::optional<WorkerPhase> PhasePlan::next() {
  if (next_ == phases_.size() && loop_) next_ = 0;
  // Also for an empty plan that loops, which would otherwise be an endless loop over nothing.
  if (next_ >= phases_.size()) return std::nullopt;
  return phases_[next_++];
}

}  // namespace ktape
