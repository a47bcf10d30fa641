// SPDX-License-Identifier: Apache-2.0
#include "analyzers/time_assertion.h"

#include <fmt/format.h>

namespace ktape {

std::vector<Argument> TimeAssertion::arguments() {
  std::vector<Argument> all = own_arguments();
  all.push_back({"--force", "", "judge also where the time on the tape is not that of real hardware", false,
                 [this](const std::string&) -> Result<void> {
                   force_ = true;
                   return {};
                 }});
  return all;
}

void TimeAssertion::visit(const RecordView& view) {
  if (view.record.isRunStarted()) {
    run_seen_ = true;
    if (!view.record.getRunStarted().getTimeIsReal()) {
      objection_ = Finding{view.seq, "the run's times are not those of real hardware; --force judges them"};
    }
  }
  look_at(view);
}

void TimeAssertion::finish(TapeState state) {
  if (!run_seen_)
    objection_ = Finding{Seq(0), "the tape does not say whether its times are real; --force judges them"};
  if (objection_ && !force_) return leave_undecided(objection_->seq, objection_->text);
  conclude(state);
}

std::string milliseconds(uint64_t ns) { return fmt::format("{:.3f} ms", static_cast<double>(ns) / 1e6); }

}  // namespace ktape
