// SPDX-License-Identifier: Apache-2.0
#include "replay/rerun/served_requests.h"

#include <fmt/format.h>

namespace ktape {

namespace {

// The size of what may wait for replies, in words of 8 bytes: 256 MiB of records.
constexpr uint64_t kMaxWords = uint64_t{32} << 20;
// The least that a kept record costs.
constexpr uint64_t kOverheadWords = 32;

}  // namespace

Result<void> ServedRequests::visit(const RecordView& view) {
  if (!view.known) return {};
  const schema::Record::Reader record = view.record;
  switch (record.which()) {
    case schema::Record::OP_REQUESTED: return requested(view.seq, record.getOpRequested());
    case schema::Record::OP_DEFERRED: {
      const auto found = waiting_.find(record.getOpDeferred().getOp());
      if (found != waiting_.end()) found->second.deferred = view.seq;
      return {};
    }
    case schema::Record::GATE_CHECKED: return checked(view.seq, record.getGateChecked());
    case schema::Record::OP_REPLIED: return replied(view.seq, record.getOpReplied());
    default: return {};
  }
}

Result<void> ServedRequests::grow(uint64_t words) {
  kept_words_ += words + kOverheadWords;
  // A tape whose requests never get replies would be held in memory as a whole.
  if (kept_words_ <= kMaxWords) return {};
  return Error{ErrorCode::kOutOfRange, "more requests wait for their replies than a run can have",
               ""};
}

Result<void> ServedRequests::requested(Seq seq, schema::OpRequested::Reader request) {
  KTAPE_TRY(grow(request.totalSize().wordCount));
  ServedRequest& waiting = waiting_[request.getOp()];
  // A second request with that number replaces the first; op-pairing reports it.
  waiting = ServedRequest{};
  waiting.requested = seq;
  waiting.request.keep(request);
  return {};
}

Result<void> ServedRequests::checked(Seq seq, schema::GateChecked::Reader gate) {
  const auto found = waiting_.find(gate.getOp());
  if (found == waiting_.end()) return {};
  KTAPE_TRY(grow(gate.totalSize().wordCount));
  RecordedGate& kept = found->second.gates.emplace_back();
  kept.seq = seq;
  kept.gate.keep(gate);
  return {};
}

Result<void> ServedRequests::replied(Seq seq, schema::OpReplied::Reader reply) {
  const auto found = waiting_.find(reply.getOp());
  if (found == waiting_.end()) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("record {} replies to request {}, which is not on the tape", seq.value,
                             reply.getOp()),
                 ""};
  }
  ServedRequest served = std::move(found->second);
  waiting_.erase(found);
  // Nothing waits, so nothing is kept; exact bookkeeping is not needed.
  if (waiting_.empty()) kept_words_ = 0;
  served.replied = seq;
  served.reply = reply;
  return served_(served);
}

}  // namespace ktape
