// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/tape_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "replay/text/record_text.h"
#include "schema/base/nearest.h"
#include "schema/base/text.h"
#include "schema/tape/facts/trigger_hits.h"

namespace ktape {

namespace {

// Bounds what a stranger's tape can make us keep; far above any run.
constexpr size_t kMaxKept = size_t{1} << 20;

Error too_many(const char* what) {
  return Error{ErrorCode::kOutOfRange, fmt::format("the tape has more than {} {}", kMaxKept, what),
               ""};
}

template <typename Reader>
std::string string_of(const Reader& text) {
  return std::string(chars(text));
}

}  // namespace

bool RecordedFreeze::is_hit_of(std::string_view trigger) const {
  return std::ranges::find(hits, trigger, &FreezeHit::trigger) != hits.end();
}

Result<TapeIndex> TapeIndex::make(const TapeReader& tape) {
  TapeIndex index;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) { return index.visit(view); },
                          ChainCheck::kRecords));
  return index;
}

Result<void> TapeIndex::visit(const RecordView& view) {
  const schema::Record::Reader record = view.record;
  if (!view.known) return {};
  switch (record.which()) {
    case schema::Record::KERNEL_IDENTIFIED:
      if (kernel_.present()) return {};
      kernel_.keep(record.getKernelIdentified());
      kernel_seq_ = view.seq;
      return {};
    case schema::Record::WORKER_STARTED: {
      const auto from = record.getWorkerStarted();
      if (workers_.size() == kMaxKept) return too_many("workers");
      workers_.push_back(
          {view.seq, string_of(from.getName()), Pid(from.getPid()), from.getStartBoottimeNs()});
      return {};
    }
    case schema::Record::STEP_STARTED:
      step_ = string_of(record.getStepStarted().getName());
      return {};
    case schema::Record::FREEZE_BEGAN: {
      const auto from = record.getFreezeBegan();
      if (freezes_.size() == kMaxKept) return too_many("freezes");
      RecordedFreeze& freeze = freezes_.emplace_back();
      freeze.id = from.getFreeze();
      freeze.began = view.seq;
      freeze.at = HostNs(record.getHostNs());
      freeze.cause = from.getCause();
      freeze.op = from.getOp();
      freeze.attempt = from.getTry();
      if (freeze.cause == schema::FreezeCause::TRIGGER) freeze.triggers = triggers_text(from);
      for (const RecordedHit& hit : hits_of(from))
        freeze.hits.push_back({hit.vcpu, std::string(hit.trigger)});
      freeze.step = step_;
      return {};
    }
    case schema::Record::THAWED: thawed(view.seq, record.getThawed()); return {};
    default: return {};
  }
}

void TapeIndex::thawed(Seq seq, schema::Thawed::Reader thawed) {
  // Freezes do not nest: the record is of the last one.
  if (freezes_.empty() || freezes_.back().id != thawed.getFreeze()) return;
  RecordedFreeze& freeze = freezes_.back();
  freeze.thawed = seq;
  freeze.pages = thawed.getPages();
  Digest digest;
  if (thawed.getPagesDigest().size() != digest.size()) return;
  std::ranges::copy(as_bytes(chars(thawed.getPagesDigest())), digest.begin());
  freeze.pages_digest = digest;
}

const RecordedFreeze* TapeIndex::freeze(uint64_t id) const {
  const auto found = std::ranges::find(freezes_, id, &RecordedFreeze::id);
  return found == freezes_.end() ? nullptr : &*found;
}

Result<const RecordedFreeze*> TapeIndex::freeze_at(std::string_view text) const {
  constexpr std::string_view kPrefix = "freeze:";
  const std::string_view which = text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : "";
  uint64_t id = 0;
  const auto [stop, error] = std::from_chars(which.data(), which.data() + which.size(), id);
  const bool number = error == std::errc() && stop == which.data() + which.size();
  if (!number && which != "last") {
    return Error{
        ErrorCode::kUsage,
        fmt::format("--at {} names no freeze: expected freeze:N or freeze:last", in_quotes(text)),
        ""};
  }
  if (freezes_.empty())
    return Error{ErrorCode::kNotApplicable, "the machine was never frozen in this run", ""};
  const RecordedFreeze* found = number ? freeze(id) : &freezes_.back();
  if (found != nullptr) return found;
  return Error{ErrorCode::kNotApplicable,
               fmt::format("there is no freeze {} on the tape: they are {} to {}", id,
                           freezes_.front().id, freezes_.back().id),
               ""};
}

Result<const RecordedWorker*> TapeIndex::worker(std::string_view name, Seq by) const {
  const RecordedWorker* last = nullptr;
  std::vector<std::string> names;
  for (const RecordedWorker& worker : workers_) {
    if (worker.started > by) break;
    names.push_back(worker.name);
    if (worker.name == name) last = &worker;
  }
  if (last != nullptr) return last;
  return Error{ErrorCode::kUsage, fmt::format("no worker {} had started by then", in_quotes(name)),
               printable(did_you_mean(name, names))};
}

}  // namespace ktape
