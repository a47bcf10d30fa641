// SPDX-License-Identifier: Apache-2.0
#include "analyzers/time_assertion.h"

#include <fmt/format.h>

namespace ktape {

namespace {

constexpr char kRemedy[] = "; --force judges it anyway, --max-host-wait raises the limit";

}  // namespace

std::vector<Argument> TimeAssertion::arguments() {
  std::vector<Argument> all = own_arguments();
  all.push_back(
      {"--max-host-wait", "PERCENT",
       fmt::format(
           "Judge a span of time only if each vCPU waited at most this share of it for a CPU of "
           "the host; default: {}",
           kMaxHostWaitPercent),
       false, [this](const std::string& value) -> Result<void> {
         KTAPE_ASSIGN(const uint64_t percent, number_argument("--max-host-wait", value));
         if (percent > 100)
           return Error{ErrorCode::kUsage, "--max-host-wait takes a percentage, up to 100", ""};
         waits_.allow_percent(percent);
         return {};
       }});
  all.push_back({"--force", "", "Also judge times that are not those of real hardware", false,
                 [this](const std::string&) -> Result<void> {
                   force_ = true;
                   return {};
                 }});
  return all;
}

void TimeAssertion::visit(const RecordView& view) {
  if (view.record.isRunStarted()) {
    run_seen_ = true;
    // The recorder knows whether the host is real hardware under KVM; everything else is an
    // objection.
    if (!view.record.getRunStarted().getTimeIsReal()) {
      objection_ = Finding{
          view.seq, "the run's times are not those of real hardware; --force judges them anyway"};
    }
  }
  waits_.visit(view);
  observe(view);
}

void TimeAssertion::finish(TapeState state) {
  waits_.finish();
  // --force judges all spans, also those with an objection.
  by_waits_ = !force_ && records_waits();
  if (!run_seen_)
    objection_ = Finding{
        Seq(0), "the tape does not say whether its times are real; --force judges them anyway"};
  // Waits on the tape replace the blanket objection: each span is then judged by itself.
  if (objection_ && !by_waits_ && !force_)
    return leave_undecided(objection_->seq, objection_->text);
  conclude(state);
}

std::optional<Finding> TimeAssertion::objection(uint64_t from_ns, uint64_t to_ns) const {
  if (!by_waits_) return std::nullopt;
  std::optional<Finding> found = waits_.objection(from_ns, to_ns);
  if (found) found->text += kRemedy;
  return found;
}

std::optional<std::string> TimeAssertion::objection_to_wait(const std::string& who,
                                                            uint64_t waited_ns,
                                                            uint64_t of_ns) const {
  if (!waits_.is_too_much(waited_ns, of_ns)) return std::nullopt;
  return fmt::format("{} waited {} ns of that for a CPU of the host, the limit is {} %{}", who,
                     waited_ns, waits_.most_percent(), kRemedy);
}

}  // namespace ktape
