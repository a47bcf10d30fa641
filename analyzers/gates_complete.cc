// SPDX-License-Identifier: Apache-2.0

// gates-complete: every op on a task went through all of its gates, and was refused when one of
// them required it.

#include <fmt/format.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "analyzers/op_assertion.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that every entry of a cold request whose target is a task has all twelve gates on
the tape, in order; that a write enforces all of them and a read at least 1, 2, 3 and 8;
that the entry was refused if an enforced gate did not pass; and that a refusal does not
name a gate if all of them passed. A read that must be consistent also has gate 13,
whatever its target.

If a request was tried several times, all of this applies to each try, and every try but
the last was refused.

Entries that an earlier write of the batch stopped may have no gates. Inconclusive if no
such entry on the tape was answered.)";

constexpr uint16_t kGates = 12;
constexpr uint16_t kConsistent = static_cast<uint16_t>(schema::Gate::CONSISTENT);

bool enforced_for_reads(uint16_t gate) {
  return gate == 1 || gate == 2 || gate == 3 || gate == 8 || gate == kConsistent;
}

// Whether a gate can refuse for a moment only; for 4 and 5 that depends on the task's state.
bool may_pass_later(uint16_t gate) {
  return gate == 4 || gate == 5 || gate == 9 || gate == 10 || gate == 11 || gate == kConsistent;
}

class GatesComplete final : public Assertion {
 public:
  std::string_view name() const override { return "gates-complete"; }
  std::string_view help() const override { return kHelp; }

  void visit(const RecordView& view) override {
    switch (view.record.which()) {
      case schema::Record::OP_REQUESTED: return requested(view.record.getOpRequested());
      case schema::Record::GATE_CHECKED: return checked(view.seq, view.record.getGateChecked());
      case schema::Record::OP_REPLIED: return replied(view.seq, view.record.getOpReplied());
      default: return;
    }
  }

  void finish(TapeState) override {
    if (entries_ == 0 && violated().empty()) {
      return leave_undecided(Seq(0), "the tape has no answered cold op on a task");
    }
    if (entries_ > 0) {
      const std::string again =
          tries_ == 0 ? "" : fmt::format("; {} earlier tries, each refused for a moment", tries_);
      confirm(last_,
              fmt::format("{} ops on tasks have all {} gates, {} of the ops {} refused{}", entries_,
                          kGates, refused_, refused_ == 1 ? "was" : "were", again));
    }
  }

 private:
  struct SeenGate {
    Seq seq;
    uint16_t gate = 0;
    bool passed = false;
    bool enforced = false;
  };
  struct Try {
    Seq first;  // of its gates
    uint64_t freeze = 0;
    std::map<uint32_t, std::vector<SeenGate>> gates;  // by entry
  };
  struct Pending {
    std::unique_ptr<capnp::MallocMessageBuilder> request;
    std::map<uint32_t, Try> tries;  // 0: from a recorder that tried only once
  };

  void requested(schema::OpRequested::Reader request) {
    pending_[request.getOp()] = Pending{copy_of(request), {}};
  }

  void checked(Seq seq, schema::GateChecked::Reader gate) {
    auto it = pending_.find(gate.getOp());
    // Replied already, or never asked.
    if (it == pending_.end()) {
      return violate(seq, fmt::format("a gate of request {}, which was not waiting for a reply",
                                      gate.getOp()));
    }
    Try& attempt = it->second.tries[gate.getTry()];
    if (attempt.first == Seq(0)) attempt.first = seq;
    attempt.freeze = gate.getFreeze();
    attempt.gates[gate.getEntry()].push_back({seq, static_cast<uint16_t>(gate.getGate()),
                                              gate.getOutcome() == schema::GateOutcome::PASSED,
                                              gate.getEnforced()});
  }

  void replied(Seq seq, schema::OpReplied::Reader reply) {
    auto it = pending_.find(reply.getOp());
    if (it == pending_.end())
      return note(seq,
                  fmt::format("a reply to request {}, which is not on the tape", reply.getOp()));
    Pending pending = std::move(it->second);
    pending_.erase(it);
    auto request = pending.request->getRoot<schema::OpRequested>().asReader();
    // An error stands for the whole request: no entry was looked at.
    if (request.getMode() != schema::OpMode::COLD || reply.getError().size() > 0) return;
    auto asked = request.getEntries();
    auto got = reply.getEntries();
    for (auto& [number, attempt] : pending.tries) {
      // From a recorder that does not count tries both are 0.
      if (number < reply.getTries()) evaluate_earlier(seq, request, number, attempt);
    }
    evaluate_numbers(seq, reply, pending);
    Try& last = pending.tries[reply.getTries()];
    for (uint32_t i = 0; i < asked.size() && i < got.size(); ++i) {
      if (!asked[i].getTarget().isTask() && !asked[i].getConsistent()) continue;
      // Stopped by an earlier write, before its gates.
      if (got[i].getStatus() == schema::EntryStatus::NOT_REACHED) continue;
      evaluate(seq, asked[i], got[i], last.gates[i]);
    }
  }

  // Each try left gates: an op is tried again only after a gate refused it.
  void evaluate_numbers(Seq seq, schema::OpReplied::Reader reply, const Pending& pending) {
    for (uint32_t number = 1; number < reply.getTries(); ++number) {
      if (!pending.tries.contains(number))
        return violate(seq, fmt::format("request {} was tried {} times, but try {} left no gate",
                                        reply.getOp(), reply.getTries(), number));
    }
    for (const auto& [number, attempt] : pending.tries) {
      if (number > reply.getTries())
        violate(attempt.first, fmt::format("request {} was tried {} times, but has gates of try {}",
                                           reply.getOp(), reply.getTries(), number));
    }
    const auto last = pending.tries.find(reply.getTries());
    if (reply.getTries() > 0 && last != pending.tries.end() &&
        last->second.freeze != reply.getFreeze())
      violate(last->second.first,
              fmt::format("the last try of request {} was made in freeze {}, its reply says {}",
                          reply.getOp(), last->second.freeze, reply.getFreeze()));
  }

  // A try that was followed by another was refused, and only by gates that refuse for a moment.
  void evaluate_earlier(Seq seq, schema::OpRequested::Reader request, uint32_t number,
                        const Try& attempt) {
    ++tries_;
    const std::string which = fmt::format("try {} of request {}", number, request.getOp());
    bool refused = false;
    for (const auto& [entry, gates] : attempt.gates) {
      // An index from the tape, which may be anything.
      if (entry >= request.getEntries().size())
        return violate(seq,
                       fmt::format("{} has gates of entry {}, which does not exist", which, entry));
      const schema::OpEntry::Reader asked = request.getEntries()[entry];
      const SeenGate* barrier =
          check_gates(seq, asked, which + ": " + in_quotes(chars(asked.getTag())), gates);
      if (barrier == nullptr) continue;
      refused = true;
      evaluate_barriers(which, gates);
    }
    if (!refused) violate(seq, which + " was not the last, though no gate refused it");
  }

  // One lasting gate is enough to make the first refusal final.
  void evaluate_barriers(const std::string& which, const std::vector<SeenGate>& gates) {
    for (const SeenGate& gate : gates) {
      if (gate.enforced && !gate.passed && !may_pass_later(gate.gate))
        violate(gate.seq,
                fmt::format(
                    "{} was refused by gate {}, whose refusal is final, but another try followed",
                    which, gate.gate));
    }
  }

  void evaluate(Seq reply, schema::OpEntry::Reader asked, schema::EntryReply::Reader got,
                const std::vector<SeenGate>& gates) {
    std::string tag = in_quotes(chars(asked.getTag()));
    if (asked.getTarget().isTask()) ++entries_;
    last_ = reply;
    evaluate_refusal(reply, tag, got, check_gates(reply, asked, tag, gates));
  }

  // Whether an entry has the gates that it should have, in order. Returns the first gate that had
  // to refuse it.
  const SeenGate* check_gates(Seq reply, schema::OpEntry::Reader asked, const std::string& tag,
                              const std::vector<SeenGate>& gates) {
    std::vector<uint16_t> wanted;
    for (uint16_t gate = 1; asked.getTarget().isTask() && gate <= kGates; ++gate)
      wanted.push_back(gate);
    // An entry that was refused before its value was reached has no gate `consistent`. The value's
    // protection is evaluated behind the gates of the task.
    const bool has_last = !gates.empty() && gates.back().gate == kConsistent;
    if (asked.getConsistent() && has_last) wanted.push_back(kConsistent);
    if (gates.size() != wanted.size())
      violate(reply,
              fmt::format("{} has {} gates of {} on the tape", tag, gates.size(), wanted.size()));
    const SeenGate* barrier = nullptr;
    for (size_t i = 0; i < gates.size() && i < wanted.size(); ++i) {
      const SeenGate& gate = gates[i];
      if (gate.gate != wanted[i]) {
        violate(gate.seq,
                fmt::format("{}: found gate {}, expected gate {}", tag, gate.gate, wanted[i]));
        return barrier;
      }
      bool enforced = asked.isWrite() || enforced_for_reads(gate.gate);
      if (enforced && !gate.enforced)
        violate(gate.seq, fmt::format("{}: gate {} was not enforced", tag, gate.gate));
      // The first: a refusal names the first gate that stopped it.
      if (gate.enforced && !gate.passed && barrier == nullptr) barrier = &gate;
    }
    return barrier;
  }

  void evaluate_refusal(Seq reply, const std::string& tag, schema::EntryReply::Reader got,
                        const SeenGate* barrier) {
    bool refused = got.getStatus() == schema::EntryStatus::REFUSED;
    refused_ += refused ? 1 : 0;
    if (barrier != nullptr && !refused) {
      violate(reply, fmt::format("{} was not refused, though gate {} (seq {}) did not pass", tag,
                                 barrier->gate, barrier->seq.value));
    }
    if (barrier != nullptr || !refused) return;
    // Types, widths and paths can cause a refusal too; they are not gates. A width that differs
    // from BTF's, a NULL pointer, a missing symbol.
    std::string reason = printable(chars(got.getReason()));
    if (reason.starts_with("gate ")) {
      violate(reply,
              fmt::format("{} was refused though every enforced gate passed: {}", tag, reason));
    } else {
      note(reply, fmt::format("{} was refused by a check that is not a gate: {}", tag, reason));
    }
  }

  std::map<uint64_t, Pending> pending_;  // by op
  uint64_t entries_ = 0;
  uint64_t refused_ = 0;
  uint64_t tries_ = 0;  // before the last of each
  Seq last_;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<GatesComplete>(); }

}  // namespace ktape
