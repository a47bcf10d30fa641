// SPDX-License-Identifier: Apache-2.0

// freeze-bound: no freeze stopped the machine for longer than it may.

#include <fmt/format.h>

#include <vector>

#include "analyzers/time_assertion.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    "Asserts that no freeze lasted longer than --max-ns nanoseconds of the host's time, from the moment "
    "that\n"
    "every vCPU stood until they were let go again.\n"
    "\n"
    "Inconclusive where the tape has no freeze, where one has no end, and, unless --force is given, where "
    "the\n"
    "run's times are not those of real hardware.";

class FreezeBound final : public TimeAssertion {
 public:
  std::string_view name() const override { return "freeze-bound"; }
  std::string_view help() const override { return kHelp; }

 protected:
  std::vector<Argument> own_arguments() override {
    return {{"--max-ns", "N", "the longest that a freeze may last", true,
             [this](const std::string& value) -> Result<void> {
               KTAPE_ASSIGN(max_ns_, number_argument("--max-ns", value));
               return {};
             }}};
  }

  void look_at(const RecordView& view) override {
    if (view.record.isFreezeBegan()) {
      open_ = view.seq;
    } else if (view.record.isThawed()) {
      open_ = Seq(0);
      auto thawed = view.record.getThawed();
      freezes_.push_back({view.seq, thawed.getFreeze(), thawed.getFrozenNs()});
    }
  }

  void conclude(TapeState) override {
    const Freeze* longest = nullptr;
    for (const Freeze& freeze : freezes_) {
      if (longest == nullptr || freeze.frozen_ns > longest->frozen_ns) longest = &freeze;
      if (freeze.frozen_ns <= max_ns_) continue;
      violate(freeze.thawed,
              fmt::format("freeze {} lasted {} ns, {} are allowed", freeze.id, freeze.frozen_ns, max_ns_));
    }
    if (open_ != Seq(0)) leave_undecided(open_, "a freeze has no end on the tape");
    if (longest == nullptr) return leave_undecided(Seq(0), "the tape has no freeze that ended");
    confirm(longest->thawed, fmt::format("freeze {} lasted {} ns, the longest of {}", longest->id,
                                         longest->frozen_ns, freezes_.size()));
  }

 private:
  struct Freeze {
    Seq thawed;
    uint64_t id = 0;
    uint64_t frozen_ns = 0;
  };
  uint64_t max_ns_ = 0;
  Seq open_;
  std::vector<Freeze> freezes_;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<FreezeBound>(); }

}  // namespace ktape
