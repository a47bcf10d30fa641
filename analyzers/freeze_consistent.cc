// SPDX-License-Identifier: Apache-2.0

// freeze-consistent: no value read in a freeze was being changed when its CPU stopped.

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "analyzers/op_assertion.h"
#include "schema/base/text.h"
#include "schema/terms/entry_note.h"
#include "schema/terms/protection.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that the values read while the machine was frozen can be trusted: no CPU was
stopped while it was changing one.

Marks a value that was read while
  the runqueue lock that protects it was held,
  a lock of its task was held (gate 'unlocked'),
  the lock of the dispatch queue that it was read from, or that its task was on, was held,
  the sequence count that protects it was odd, or
  the CPU of a per-CPU variable that no lock protects was inside an update: in an interrupt,
  or in the kernel with interrupts or preemption off.
Such a value is no fault of the scheduler: where a freeze lands is arbitrary. It only
means that the value proves nothing, so the verdict is inconclusive, never a failure. Also
inconclusive if ktape knows the protection of no value that was read, or if the evidence
is missing. Hot reads are not judged: they do not claim to be coherent.)";

// What a CPU was doing when it stopped.
struct CpuMoment {
  bool locked = false;  // its runqueue
  std::string symbol;   // the kernel function that it was in; may be empty
  // The context in which it may have been changing a variable that only this CPU changes. Empty: it
  // was changing none. Nothing: not known.
  std::optional<std::string> updating;
};

// What a freeze found; the values read in it are judged by it.
struct Moment {
  std::map<int32_t, CpuMoment> cpus;  // those whose kernel state was read
  std::map<std::string, uint32_t> seqcounts;
};

std::string_view interrupt_name(schema::ExecContext context) {
  switch (context) {
    case schema::ExecContext::SOFTIRQ: return "a soft interrupt";
    case schema::ExecContext::HARDIRQ: return "a hard interrupt";
    case schema::ExecContext::NMI: return "an NMI";
    default: return "";
  }
}

std::optional<std::string> what_is_updated_in(schema::VcpuState::Reader vcpu) {
  // Older recorders did not write the context.
  if (!vcpu.getKnown() || vcpu.getContext() == schema::ExecContext::NOT_SAID) return std::nullopt;
  return updating({interrupt_name(vcpu.getContext()), vcpu.getCpl(), vcpu.getInterruptsEnabled(),
                   vcpu.getPreemptCount(), vcpu.getCurrentPid()});
}

// The CPU that alone changes the target, if the target is a per-CPU variable that no runqueue lock
// protects. Nothing where a path leads away from it.
std::optional<int32_t> only_writer_of(schema::Target::Reader target) {
  // Runqueues have a lock, which the evidence of each CPU covers.
  if (!target.isPerCpu() || !is_changed_by_its_cpu_alone(chars(target.getPerCpu().getSymbol())))
    return std::nullopt;
  for (auto step : target.getSteps()) {
    // A pointer leads to an object with locks of its own.
    if (!step.isMember() && !step.isIndex()) return std::nullopt;
  }
  return static_cast<int32_t>(target.getPerCpu().getCpu());
}

// The sequence count that protects a target; empty if ktape knows none.
std::string seqcount_protecting(schema::Target::Reader target) {
  return target.isSymbol() ? std::string(seqcount_of(chars(target.getSymbol()))) : "";
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
    // Replies follow their freeze; earlier moments are not needed any more.
    conclude_freeze();
    moment_ = Moment();
    freeze_ = view.record.getFrozen().getFreeze();
    for (auto vcpu : view.record.getFrozen().getVcpus()) {
      // Missing rather than unlocked: see lacking().
      if (!vcpu.getKernelStateKnown()) continue;
      moment_.cpus[static_cast<int32_t>(vcpu.getCpu())] = {
          vcpu.getRunqueueLocked(), printable(chars(vcpu.getSymbol())), what_is_updated_in(vcpu)};
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
    // A reply that names another freeze than the last; its evidence is gone, or never was.
    if (entry.freeze != freeze_)
      return leave_undecided(entry.reply, what + ": its freeze left no evidence");
    // A mark comes before anything that is lacking: one reason not to trust the value is enough.
    const std::optional<std::string> mark = marked(entry);
    if (mark)
      return leave_undecided(
          entry.reply, fmt::format("{} was read in freeze {} while {}", what, entry.freeze, *mark));
    if (const std::string missing = lacking(entry); !missing.empty())
      return leave_undecided(entry.reply, what + ": " + missing);
    if (is_evaluated(entry)) {
      ++sound_values_;
      sound_reply_ = entry.reply;
    } else {
      ++unprotected_;
    }
  }

  void concluded() override {
    conclude_freeze();
    if (unprotected_ > 0)
      note(Seq(0),
           fmt::format("{} with no protection known to ktape, not judged", values(unprotected_)));
    if (hot_ > 0) note(Seq(0), fmt::format("{} read hot, not judged", values(hot_)));
  }

 private:
  static std::string values(size_t count) {
    return fmt::format("{} value{}", count, count == 1 ? "" : "s");
  }

  void conclude_freeze() {
    // One finding per freeze and not per value, or a long tape would drown in them.
    if (sound_values_ == 0) return;
    confirm(sound_reply_,
            fmt::format("freeze {}: {} read, none of their locks or sequence counts was held",
                        freeze_, values(sound_values_)));
    sound_values_ = 0;
  }

  // Why the value cannot be trusted; nothing if it can.
  std::optional<std::string> marked(const AnsweredEntry& entry) const {
    if (const CpuMoment* cpu = moment_of(entry.got.getProtectingCpu());
        cpu != nullptr && cpu->locked)
      return fmt::format("the runqueue lock of CPU {} was held{}", entry.got.getProtectingCpu(),
                         being_in(*cpu));
    for (const FailedGate& gate : entry.failed_gates) {
      if (gate.gate == schema::Gate::UNLOCKED)
        return "a lock of its task was held: " + gate.observed;
    }
    if (notes(entry, kDsqLockHeld)) return std::string(kDsqLockHeld);
    const std::string seqcount = seqcount_protecting(entry.asked.getTarget());
    const auto found = moment_.seqcounts.find(seqcount);
    // Odd: an update was under way (include/linux/seqlock.h).
    if (found != moment_.seqcounts.end() && found->second % 2 != 0)
      return fmt::format("{} was odd", seqcount);
    const std::optional<int32_t> writer = only_writer_of(entry.asked.getTarget());
    const CpuMoment* own = writer ? moment_of(*writer) : nullptr;
    if (own != nullptr && !own->updating.value_or("").empty())
      return fmt::format("CPU {} was {}{}", *writer, *own->updating, being_in(*own));
    return std::nullopt;
  }

  // Why nothing can be said about the value; empty if there is no such reason.
  std::string lacking(const AnsweredEntry& entry) const {
    const int32_t cpu = entry.got.getProtectingCpu();
    if (cpu >= 0 && moment_of(cpu) == nullptr)
      return fmt::format("the state of CPU {} is not known", cpu);
    const std::optional<int32_t> writer = only_writer_of(entry.asked.getTarget());
    if (!writer) return "";
    const CpuMoment* own = moment_of(*writer);
    return own != nullptr && own->updating
               ? ""
               : fmt::format("what CPU {} was doing is not known", *writer);
  }

  bool is_evaluated(const AnsweredEntry& entry) const {
    // Whatever is known to protect the value was looked at in marked(), and found free.
    return entry.got.getProtectingCpu() >= 0 || notes(entry, kDsqLockFree) ||
           moment_.seqcounts.contains(seqcount_protecting(entry.asked.getTarget())) ||
           only_writer_of(entry.asked.getTarget());
  }

  static bool notes(const AnsweredEntry& entry, std::string_view what) {
    return chars(entry.got.getNote()).find(what) != std::string_view::npos;
  }

  static std::string being_in(const CpuMoment& cpu) {
    return cpu.symbol.empty() ? "" : ", in " + cpu.symbol;
  }

  const CpuMoment* moment_of(int32_t cpu) const {
    const auto found = moment_.cpus.find(cpu);
    return found == moment_.cpus.end() ? nullptr : &found->second;
  }

  uint64_t freeze_ = 0;
  Moment moment_;            // of freeze_
  size_t sound_values_ = 0;  // read in it
  Seq sound_reply_;          // the last of them
  size_t unprotected_ = 0;
  size_t hot_ = 0;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<FreezeConsistent>(); }

}  // namespace ktape
