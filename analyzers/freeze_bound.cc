// SPDX-License-Identifier: Apache-2.0

// freeze-bound: no freeze stopped the machine for longer than the limit.

#include <fmt/format.h>

#include <optional>

#include "analyzers/time_assertion.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that no freeze lasted longer than --max-ns nanoseconds of host time, from the
moment when all vCPUs had stopped until they were thawed.

Inconclusive if the tape has no freeze, if a freeze has no end, or if ktape and QEMU spent
more than --max-host-wait percent of a freeze that is too long waiting for a CPU of the
host (--force judges it anyway). A tape that does not record such waits is inconclusive
unless its times are those of real hardware. Emulation does not lengthen a freeze: TCG
runs no guest code in it.)";

class FreezeBound final : public TimeAssertion {
 public:
  std::string_view name() const override { return "freeze-bound"; }
  std::string_view help() const override { return kHelp; }

 protected:
  std::vector<Argument> own_arguments() override {
    return {{"--max-ns", "N", "The longest allowed freeze, in nanoseconds", true,
             [this](const std::string& value) -> Result<void> {
               KTAPE_ASSIGN(max_ns_, number_argument("--max-ns", value));
               return {};
             }}};
  }

  void observe(const RecordView& view) override {
    if (view.record.isFreezeBegan()) {
      open_ = view.seq;
    } else if (view.record.isThawed()) {
      // An end without a beginning is for freeze-order to judge.
      open_ = Seq(0);
      take(view.seq, view.record.getThawed());
    }
  }

  // A freeze has its own record of waits: no vCPU runs in it. Of all freezes: with some unknown, a
  // long one among them could not be judged.
  bool records_waits() const override { return freezes_ > 0 && freezes_ == freezes_with_waits_; }

  void conclude(TapeState) override {
    if (by_waits()) {
      // Every freeze that is too long is in one of the two.
      violate(clean_);
      leave_undecided(distorted_);
    } else {
      violate(too_long_);
    }
    if (open_ != Seq(0)) leave_undecided(open_, "a freeze has no end on the tape");
    if (!longest_) return leave_undecided(Seq(0), "the tape has no freeze that ended");
    confirm(longest_->thawed, fmt::format("freeze {} lasted {} ns, the longest of {}", longest_->id,
                                          longest_->frozen_ns, freezes_));
  }

 private:
  struct Duration {
    Seq thawed;
    uint64_t id = 0;
    uint64_t frozen_ns = 0;
  };

  void take(Seq seq, schema::Thawed::Reader thawed) {
    const Duration freeze{seq, thawed.getFreeze(), thawed.getFrozenNs()};
    ++freezes_;
    freezes_with_waits_ += thawed.getWaitedKnown() ? 1 : 0;
    if (!longest_ || freeze.frozen_ns > longest_->frozen_ns) longest_ = freeze;
    if (freeze.frozen_ns <= max_ns_) return;
    const std::string lasted = fmt::format("freeze {} lasted {} ns", freeze.id, freeze.frozen_ns);
    const std::string violation = fmt::format("{}, the limit is {} ns", lasted, max_ns_);
    too_long_.add(seq, violation);
    const auto objection =
        objection_to_wait("ktape or QEMU", thawed.getWaitedNs(), freeze.frozen_ns);
    objection ? distorted_.add(seq, lasted + ", but " + *objection) : clean_.add(seq, violation);
  }

  uint64_t max_ns_ = 0;
  Seq open_;
  size_t freezes_ = 0;
  size_t freezes_with_waits_ = 0;
  std::optional<Duration> longest_;
  Findings too_long_;           // all of them
  Findings clean_, distorted_;  // the same, by whether the host distorted them
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<FreezeBound>(); }

}  // namespace ktape
