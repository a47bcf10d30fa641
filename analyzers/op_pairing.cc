// SPDX-License-Identifier: Apache-2.0

// op-pairing: every request has exactly one reply.

#include <fmt/format.h>

#include <deque>
#include <iterator>
#include <map>
#include <string>

#include "analyzers/assertion.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that every request has exactly one reply, after it, with a result for each of its
entries; that no reply answers a request that is not on the tape; and that requests count
from 1 without a gap.

Inconclusive if the tape has no request, or if one has no reply because the run did not
complete or its recorder was lost.)";

// The number of answered requests that are remembered with their records; of older ones only the
// numbers are kept. Bounds memory: of an answered request only its number is needed, to recognise a
// second reply.
constexpr size_t kRemembered = 1000;

// A set of mostly consecutive numbers, kept as ranges.
class Numbers {
 public:
  [[nodiscard]] bool contains(uint64_t number) const {
    const auto after = ranges_.upper_bound(number);
    return after != ranges_.begin() && std::prev(after)->second >= number;
  }

  // Adds a number that the set does not contain.
  void add(uint64_t number) {
    uint64_t last = number;
    const auto after = ranges_.upper_bound(number);
    if (after != ranges_.end() && after->first == number + 1) {
      last = after->second;
      ranges_.erase(after);
    }
    // Looked up again: `after` may have been erased.
    const auto behind = ranges_.upper_bound(number);
    if (behind != ranges_.begin() && std::prev(behind)->second + 1 == number) {
      std::prev(behind)->second = last;
    } else {
      ranges_[number] = last;
    }
  }

 private:
  std::map<uint64_t, uint64_t> ranges_;  // last by first
};

class OpPairing final : public Assertion {
 public:
  std::string_view name() const override { return "op-pairing"; }
  std::string_view help() const override { return kHelp; }

  void visit(const RecordView& view) override {
    switch (view.record.which()) {
      case schema::Record::OP_REQUESTED: return requested(view.seq, view.record.getOpRequested());
      case schema::Record::OP_DEFERRED:
        return deferred(view.seq, view.record.getOpDeferred().getOp());
      case schema::Record::OP_REPLIED: return replied(view.seq, view.record.getOpReplied());
      case schema::Record::SEALED:
        completed_ = view.record.getSealed().getOutcome() == schema::Outcome::COMPLETED;
        return;
      default: return;
    }
  }

  void finish(TapeState) override {
    for (const auto& [op, request] : requests_) {
      if (request.replied != Seq(0)) continue;
      std::string text = fmt::format("request {} has no reply", op);
      if (completed_) {
        // Only a run that came to its end owes a reply to each request.
        violate(request.asked, text);
      } else {
        leave_undecided(request.asked, text + ": the run did not complete");
      }
    }
    if (requests_.empty() && violated().empty())
      return leave_undecided(Seq(0), "the tape has no request");
    if (pairs_ > 0)
      confirm(last_, pairs_ == 1 ? std::string("1 request, with one reply")
                                 : fmt::format("{} requests, each with one reply", pairs_));
  }

 private:
  struct Request {
    Seq asked;
    uint32_t entries = 0;
    Seq replied;  // 0: not yet
  };

  void requested(Seq seq, schema::OpRequested::Reader request) {
    uint64_t op = request.getOp();
    if (auto it = requests_.find(op); it != requests_.end()) {
      return violate(seq, fmt::format("request {} is on the tape twice, first at seq {}", op,
                                      it->second.asked.value));
    }
    if (forgotten_.contains(op))
      return violate(seq, fmt::format("request {} is on the tape twice", op));
    if (op != last_id_ + 1)
      violate(seq, fmt::format("request {} follows request {}", op, last_id_));
    last_id_ = op;
    requests_[op] = Request{seq, request.getEntries().size(), Seq(0)};
  }

  void deferred(Seq seq, uint64_t op) {
    auto it = requests_.find(op);
    if (it == requests_.end() || it->second.replied != Seq(0)) {
      violate(seq, fmt::format("request {} was deferred, but was not waiting for a reply", op));
    }
  }

  void replied(Seq seq, schema::OpReplied::Reader reply) {
    uint64_t op = reply.getOp();
    auto it = requests_.find(op);
    if (forgotten_.contains(op))
      return violate(seq, fmt::format("a second reply to request {}", op));
    if (it == requests_.end()) {
      return violate(seq,
                     fmt::format("a reply to request {}, which is not on the tape before it", op));
    }
    Request& request = it->second;
    if (request.replied != Seq(0)) {
      return violate(seq, fmt::format("a second reply to request {}, the first is seq {}", op,
                                      request.replied.value));
    }
    request.replied = seq;
    // Read before remember(), which may erase the oldest request.
    const uint32_t entries = request.entries;
    remember(op);
    // A request that could not be served at all has an error instead of results.
    if (reply.getEntries().size() != entries && reply.getError().size() == 0) {
      return violate(seq, fmt::format("request {} has {} entries, its reply {}", op, entries,
                                      reply.getEntries().size()));
    }
    ++pairs_;
    last_ = seq;
  }

  // Moves an answered request to those that are forgotten once enough others were answered.
  void remember(uint64_t op) {
    answered_.push_back(op);
    if (answered_.size() <= kRemembered) return;
    requests_.erase(answered_.front());
    forgotten_.add(answered_.front());
    answered_.pop_front();
  }

  std::map<uint64_t, Request> requests_;  // by op, except those forgotten
  std::deque<uint64_t> answered_;         // the answered ones, oldest reply first
  Numbers forgotten_;
  uint64_t last_id_ = 0;
  uint64_t pairs_ = 0;
  Seq last_;
  bool completed_ = false;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<OpPairing>(); }

}  // namespace ktape
