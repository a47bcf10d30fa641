// SPDX-License-Identifier: Apache-2.0

// freeze-order: freezes begin, freeze and end in this order, one after another.

#include <fmt/format.h>

#include <optional>

#include "analyzers/assertion.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that the records of every freeze are in order (began, frozen, thawed) with times
that do not go back; that no freeze began during another; that freezes count from 1
without a gap; and that every freeze ended.

Inconclusive if the tape has no freeze, or if the last one has no end because the machine
or the recorder was lost.)";

class FreezeOrder final : public Assertion {
 public:
  std::string_view name() const override { return "freeze-order"; }
  std::string_view help() const override { return kHelp; }

  void visit(const RecordView& view) override {
    switch (view.record.which()) {
      case schema::Record::FREEZE_BEGAN:
        return began(view, view.record.getFreezeBegan().getFreeze());
      case schema::Record::FROZEN: return frozen(view, view.record.getFrozen().getFreeze());
      // A machine that is lost in a freeze never thaws it.
      case schema::Record::THAWED: return thawed(view, view.record.getThawed().getFreeze());
      case schema::Record::MACHINE_LOST: ended_early_ = true; return;
      case schema::Record::SEALED:
        ended_early_ |= view.record.getSealed().getOutcome() != schema::Outcome::COMPLETED;
        return;
      default: return;
    }
  }

  void finish(TapeState state) override {
    if (open_) {
      std::string text = fmt::format("freeze {} has no end", open_->id);
      if (state == TapeState::kSealed && !ended_early_) {
        violate(open_->began, text);
      } else {
        leave_undecided(open_->began, text + ": the run or its recorder ended in it");
      }
    }
    if (freezes_ == 0 && !open_ && violated().empty())
      return leave_undecided(Seq(0), "the tape has no freeze");
    if (freezes_ > 0)
      confirm(last_, freezes_ == 1
                         ? std::string("1 freeze, with its beginning and end")
                         : fmt::format("{} freezes, each with its beginning and end", freezes_));
  }

 private:
  struct Open {
    uint64_t id = 0;
    Seq began;
    std::optional<Seq> frozen;
    uint64_t last_ns = 0;
  };

  void began(const RecordView& view, uint64_t id) {
    if (open_) {
      violate(view.seq, fmt::format("freeze {} began while freeze {} (seq {}) was in progress", id,
                                    open_->id, open_->began.value));
    }
    // Numbers are dense, so a gap is a freeze that is not on the tape.
    if (id != last_id_ + 1) {
      violate(view.seq, fmt::format("freeze {} follows freeze {}", id, last_id_));
    }
    last_id_ = id;
    // Also after a violation: the new freeze is the one that the next records belong to.
    open_ = Open{id, view.seq, std::nullopt, view.record.getHostNs()};
  }

  void frozen(const RecordView& view, uint64_t id) {
    if (!belongs(view, id, "was frozen")) return;
    if (open_->frozen) {
      violate(view.seq,
              fmt::format("freeze {} was already frozen at seq {}", id, open_->frozen->value));
    }
    open_->frozen = view.seq;
  }

  void thawed(const RecordView& view, uint64_t id) {
    if (!belongs(view, id, "ended")) return;
    if (!open_->frozen) {
      violate(view.seq, fmt::format("freeze {} ended without being frozen", id));
    }
    open_.reset();
    ++freezes_;
    last_ = view.seq;
  }

  // Whether the record is about the freeze in progress.
  bool belongs(const RecordView& view, uint64_t id, const char* what) {
    if (!open_ || open_->id != id) {
      violate(view.seq, fmt::format("freeze {} {} while it was not in progress", id, what));
      return false;
    }
    // The same as the last time is in order: a freeze's records may share a time.
    if (view.record.getHostNs() < open_->last_ns) {
      violate(view.seq, fmt::format("freeze {} {} {} ns before its previous record", id, what,
                                    open_->last_ns - view.record.getHostNs()));
    }
    open_->last_ns = view.record.getHostNs();
    return true;
  }

  std::optional<Open> open_;
  uint64_t last_id_ = 0;
  uint64_t freezes_ = 0;
  Seq last_;
  bool ended_early_ = false;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<FreezeOrder>(); }

}  // namespace ktape
