// SPDX-License-Identifier: Apache-2.0
#include "replay/report/freeze_records.h"

#include <map>
#include <utility>

namespace ktape {

namespace {

// If an untrusted tape has several such records, the first one counts.
void first(Seq& kept, Seq seq) {
  if (kept.value == 0) kept = seq;
}

// Finds the records of several freezes while a tape goes by.
class Finder {
 public:
  explicit Finder(const std::vector<const Freeze*>& freezes) : found_(freezes.size()) {
    for (size_t i = 0; i < freezes.size(); ++i) {
      found_[i].freeze = freezes[i];
      of_freeze_.emplace(freezes[i]->id, i);
      if (freezes[i]->op != 0) of_op_.emplace(freezes[i]->op, i);
    }
  }

  void visit(const RecordView& view);
  std::vector<FreezeRecordSeqs> take() { return std::move(found_); }

 private:
  // Calls `visit(seqs)` for all freezes with that number.
  template <typename Visit>
  void each(const std::multimap<uint64_t, size_t>& of, uint64_t number, Visit visit) {
    const auto [begin, end] = of.equal_range(number);
    for (auto it = begin; it != end; ++it) visit(found_[it->second]);
  }
  void gate(schema::GateChecked::Reader gate);
  void exited(Seq seq);

  std::vector<FreezeRecordSeqs> found_;
  std::multimap<uint64_t, size_t> of_freeze_;  // an untrusted tape may use one number twice
  std::multimap<uint64_t, size_t> of_op_;      // each try of a request has a freeze
};

void Finder::visit(const RecordView& view) {
  if (!view.known) return;
  const auto record = view.record;
  switch (record.which()) {
    case schema::Record::FROZEN:
      return each(of_freeze_, record.getFrozen().getFreeze(),
                  [&](FreezeRecordSeqs& seqs) { first(seqs.frozen, view.seq); });
    case schema::Record::OP_REQUESTED:
      return each(of_op_, record.getOpRequested().getOp(),
                  [&](FreezeRecordSeqs& seqs) { first(seqs.request, view.seq); });
    case schema::Record::OP_REPLIED:
      return each(of_op_, record.getOpReplied().getOp(),
                  [&](FreezeRecordSeqs& seqs) { first(seqs.reply, view.seq); });
    case schema::Record::GATE_CHECKED: return gate(record.getGateChecked());
    case schema::Record::SCHEDULER_EXITED: return exited(view.seq);
    default: return;
  }
}

void Finder::gate(schema::GateChecked::Reader gate) {
  if (gate.getGate() != schema::Gate::SCHED_CLASS ||
      gate.getOutcome() != schema::GateOutcome::FAILED)
    return;
  each(of_op_, gate.getOp(), [&](FreezeRecordSeqs& seqs) {
    const bool of_another_try = gate.getFreeze() != 0 && gate.getFreeze() != seqs.freeze->id;
    if (!of_another_try) seqs.other_class.insert(gate.getEntry());
  });
}

void Finder::exited(Seq seq) {
  for (FreezeRecordSeqs& seqs : found_) {
    if (seqs.freeze->began < seq) first(seqs.exited, seq);
  }
}

// Keeps the part of the record at `seq` that `part` gives.
template <typename T, typename Part>
Result<void> keep(const TapeReader& tape, Seq seq, OwnedMessage<T>& to, Part part) {
  if (seq.value == 0) return {};
  return tape.at(seq, [&](const RecordView& view) -> Result<void> {
    to.keep(part(view.record));
    return {};
  });
}

}  // namespace

Result<std::vector<FreezeRecordSeqs>> find_freeze_records(
    const TapeReader& tape, const std::vector<const Freeze*>& freezes) {
  Finder finder(freezes);
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    finder.visit(view);
    return {};
  }));
  return finder.take();
}

Result<FreezeRecords> read_freeze_records(const TapeReader& tape, const FreezeRecordSeqs& seqs) {
  using Record = schema::Record::Reader;
  FreezeRecords kept;
  kept.other_class = seqs.other_class;
  KTAPE_TRY(
      keep(tape, seqs.freeze->began, kept.began, [](Record of) { return of.getFreezeBegan(); }));
  KTAPE_TRY(keep(tape, seqs.frozen, kept.frozen, [](Record of) { return of.getFrozen(); }));
  KTAPE_TRY(keep(tape, seqs.request, kept.request, [](Record of) { return of.getOpRequested(); }));
  KTAPE_TRY(keep(tape, seqs.reply, kept.reply, [](Record of) { return of.getOpReplied(); }));
  KTAPE_TRY(
      keep(tape, seqs.exited, kept.exited, [](Record of) { return of.getSchedulerExited(); }));
  return kept;
}

}  // namespace ktape
