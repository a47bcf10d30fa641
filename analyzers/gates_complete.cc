// SPDX-License-Identifier: Apache-2.0

// gates-complete: every op on a task went through all of its gates, and was refused when it had to be.

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
    "Asserts that every entry of a cold request that has a task for its target has all twelve gates on the\n"
    "tape, in order; that a write enforces all of them and a read at least 1, 2, 3 and 8; that the entry was "
    "refused\n"
    "where an enforced gate did not pass; and that no gate is given as the reason where all of them did.\n"
    "\n"
    "Entries that an earlier write of the batch stopped have no gates. Inconclusive where the tape has no\n"
    "such entry that was answered.";

constexpr uint16_t kGates = 12;

bool enforced_for_reads(uint16_t gate) { return gate == 1 || gate == 2 || gate == 3 || gate == 8; }

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
      confirm(last_, fmt::format("{} ops on tasks have their {} gates, {} of them were refused", entries_,
                                 kGates, refused_));
    }
  }

 private:
  struct SeenGate {
    Seq seq;
    uint16_t gate = 0;
    bool passed = false;
    bool enforced = false;
  };
  struct Pending {
    std::unique_ptr<capnp::MallocMessageBuilder> request;
    std::map<uint32_t, std::vector<SeenGate>> gates;  // by entry
  };

  void requested(schema::OpRequested::Reader request) {
    pending_[request.getOp()] = Pending{copy_of(request), {}};
  }

  void checked(Seq seq, schema::GateChecked::Reader gate) {
    auto it = pending_.find(gate.getOp());
    if (it == pending_.end()) {
      return violate(seq,
                     fmt::format("a gate of request {}, which was not waiting for a reply", gate.getOp()));
    }
    it->second.gates[gate.getEntry()].push_back({seq, static_cast<uint16_t>(gate.getGate()),
                                                 gate.getOutcome() == schema::GateOutcome::PASSED,
                                                 gate.getEnforced()});
  }

  void replied(Seq seq, schema::OpReplied::Reader reply) {
    auto it = pending_.find(reply.getOp());
    if (it == pending_.end())
      return note(seq, fmt::format("a reply to request {}, which is not on the tape", reply.getOp()));
    Pending pending = std::move(it->second);
    pending_.erase(it);
    auto request = pending.request->getRoot<schema::OpRequested>().asReader();
    if (request.getMode() != schema::OpMode::COLD || reply.getError().size() > 0) return;
    auto asked = request.getEntries();
    auto got = reply.getEntries();
    for (uint32_t i = 0; i < asked.size() && i < got.size(); ++i) {
      if (!asked[i].getTarget().isTask()) continue;
      if (got[i].getStatus() == schema::EntryStatus::NOT_REACHED) continue;
      judge(seq, asked[i], got[i], pending.gates[i]);
    }
  }

  void judge(Seq reply, schema::OpEntry::Reader asked, schema::EntryReply::Reader got,
             const std::vector<SeenGate>& gates) {
    std::string tag = in_quotes(chars(asked.getTag()));
    ++entries_;
    last_ = reply;
    if (gates.size() != kGates) {
      violate(reply, fmt::format("{} has {} gates of {} on the tape", tag, gates.size(), kGates));
    }
    const SeenGate* barrier = nullptr;
    for (size_t i = 0; i < gates.size() && i < kGates; ++i) {
      const SeenGate& gate = gates[i];
      if (gate.gate != i + 1) {
        return violate(gate.seq,
                       fmt::format("{}: gate {} stands where gate {} belongs", tag, gate.gate, i + 1));
      }
      bool enforced = asked.isWrite() || enforced_for_reads(gate.gate);
      if (enforced && !gate.enforced)
        violate(gate.seq, fmt::format("{}: gate {} was not enforced", tag, gate.gate));
      if (gate.enforced && !gate.passed && barrier == nullptr) barrier = &gate;
    }
    judge_refusal(reply, tag, got, barrier);
  }

  void judge_refusal(Seq reply, const std::string& tag, schema::EntryReply::Reader got,
                     const SeenGate* barrier) {
    bool refused = got.getStatus() == schema::EntryStatus::REFUSED;
    refused_ += refused ? 1 : 0;
    if (barrier != nullptr && !refused) {
      violate(reply, fmt::format("{} was not refused, though gate {} (seq {}) did not pass", tag,
                                 barrier->gate, barrier->seq.value));
    }
    if (barrier != nullptr || !refused) return;
    // Types, widths and paths are refused too, and are no gates.
    std::string reason = printable(chars(got.getReason()));
    if (reason.starts_with("gate ")) {
      violate(reply, fmt::format("{} was refused though every enforced gate passed: {}", tag, reason));
    } else {
      note(reply, fmt::format("{} was refused by another check than a gate: {}", tag, reason));
    }
  }

  std::map<uint64_t, Pending> pending_;  // by op
  uint64_t entries_ = 0;
  uint64_t refused_ = 0;
  Seq last_;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<GatesComplete>(); }

}  // namespace ktape
