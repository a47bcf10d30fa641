// SPDX-License-Identifier: Apache-2.0

// freeze-consistent: what was read in a freeze was not in the middle of being changed.

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

#include "analyzers/op_assertion.h"
#include "schema/base/text.h"
#include "schema/scenario/target_path.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    "Asserts that the values which were read with the machine frozen can be trusted: the lock that protects\n"
    "each was free, so that no CPU was stopped in the middle of changing it.\n"
    "\n"
    "Marks a value that was read while the runqueue lock that protects it was held, while a lock of its "
    "task\n"
    "was held (gate 'unlocked'), or while the sequence count that protects it was odd. That is chance and "
    "no\n"
    "fault of the scheduler: it says of which values on this tape nothing can be concluded, so the verdict\n"
    "is inconclusive, and never a failure. The locks of dispatch queues are not looked at.\n"
    "Inconclusive too where nothing was read whose protection is known, or where the evidence is missing.\n"
    "Hot reads are not judged: they never claim to be coherent.";

// What a freeze found, that a value read in it is held against.
struct Moment {
  std::set<int32_t> known;   // CPUs whose kernel state was read
  std::set<int32_t> locked;  // those whose runqueue was locked
  std::map<int32_t, std::string> doing;
  std::map<std::string, uint32_t> seqcounts;
};

// The sequence count that protects a target; nullptr where ktape knows none.
const char* seqcount_of(schema::Target::Reader target) {
  return target.isSymbol() && chars(target.getSymbol()) == "jiffies_64" ? "jiffies_seq" : nullptr;
}

class FreezeConsistent final : public OpAssertion {
 public:
  std::string_view name() const override { return "freeze-consistent"; }
  std::string_view help() const override { return kHelp; }

 protected:
  std::string subject() const override { return "cold read"; }
  bool concerns(schema::OpEntry::Reader asked) const override { return asked.isRead(); }

  void other(const RecordView& view) override {
    if (!view.record.isFrozen()) return;
    // Replies follow their freeze; those before are not needed any more.
    moment_ = Moment();
    freeze_ = view.record.getFrozen().getFreeze();
    for (auto vcpu : view.record.getFrozen().getVcpus()) {
      const auto cpu = static_cast<int32_t>(vcpu.getCpu());
      if (!vcpu.getKernelStateKnown()) continue;
      moment_.known.insert(cpu);
      if (!vcpu.getRunqueueLocked()) continue;
      moment_.locked.insert(cpu);
      moment_.doing[cpu] = printable(chars(vcpu.getSymbol()));
    }
    for (auto seqcount : view.record.getFrozen().getSeqcounts())
      moment_.seqcounts[seqcount.getName().cStr()] = seqcount.getSequence();
  }

  void answered(const AnsweredEntry& entry) override {
    if (!entry.done()) return;
    if (entry.freeze == 0) {
      ++hot_;
      return;
    }
    const std::string what = in_quotes(chars(entry.asked.getTag()));
    if (entry.freeze != freeze_) return leave_undecided(entry.reply, what + ": its freeze left no evidence");
    const std::optional<std::string> mark = marked(entry);
    if (mark)
      return leave_undecided(entry.reply,
                             fmt::format("{} was read in freeze {} while {}", what, entry.freeze, *mark));
    if (const std::string missing = lacking(entry); !missing.empty())
      return leave_undecided(entry.reply, what + ": " + missing);
    if (judged(entry)) {
      ++sound_[entry.freeze].values;
      sound_[entry.freeze].reply = entry.reply;
    } else {
      ++unprotected_;
    }
  }

  void concluded() override {
    for (const auto& [freeze, sound] : sound_) {
      confirm(sound.reply, fmt::format("freeze {}: {} read, no lock or sequence count of theirs was held",
                                       freeze, values(sound.values)));
    }
    if (unprotected_ > 0)
      note(Seq(0), fmt::format("{} of which ktape knows no protection, not judged", values(unprotected_)));
    if (hot_ > 0) note(Seq(0), fmt::format("{} read hot, not judged", values(hot_)));
  }

 private:
  struct Sound {
    size_t values = 0;
    Seq reply;
  };

  static std::string values(size_t count) { return fmt::format("{} value{}", count, count == 1 ? "" : "s"); }

  // Why the value cannot be trusted; nothing when it can.
  std::optional<std::string> marked(const AnsweredEntry& entry) const {
    const int32_t cpu = entry.got.getProtectingCpu();
    if (moment_.locked.contains(cpu)) {
      const std::string& symbol = moment_.doing.at(cpu);
      return fmt::format("the runqueue lock of CPU {} was held{}", cpu,
                         symbol.empty() ? "" : ", that CPU being in " + symbol);
    }
    for (const FailedGate& gate : entry.failed_gates) {
      if (gate.gate == schema::Gate::UNLOCKED) return "a lock of its task was held: " + gate.observed;
    }
    const char* seqcount = seqcount_of(entry.asked.getTarget());
    const auto found = seqcount == nullptr ? moment_.seqcounts.end() : moment_.seqcounts.find(seqcount);
    if (found != moment_.seqcounts.end() && found->second % 2 != 0)
      return fmt::format("{} was odd", seqcount);
    return std::nullopt;
  }

  std::string lacking(const AnsweredEntry& entry) const {
    const int32_t cpu = entry.got.getProtectingCpu();
    return cpu >= 0 && !moment_.known.contains(cpu) ? fmt::format("the state of CPU {} is not known", cpu)
                                                    : "";
  }

  bool judged(const AnsweredEntry& entry) const {
    const char* seqcount = seqcount_of(entry.asked.getTarget());
    return entry.got.getProtectingCpu() >= 0 || (seqcount != nullptr && moment_.seqcounts.contains(seqcount));
  }

  uint64_t freeze_ = 0;
  Moment moment_;                    // of freeze_
  std::map<uint64_t, Sound> sound_;  // by freeze
  size_t unprotected_ = 0;
  size_t hot_ = 0;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<FreezeConsistent>(); }

}  // namespace ktape
