// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/tape_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/tape/freeze_name.h"
#include "schema/base/nearest.h"
#include "schema/base/text.h"
#include "schema/tape/facts/ejections.h"

namespace ktape {

namespace {

// Bounds the memory that an untrusted tape can make us use; far above any real run.
constexpr size_t kMaxKept = size_t{1} << 20;

Error too_many(const char* what) {
  return Error{ErrorCode::kOutOfRange, fmt::format("the tape has more than {} {}", kMaxKept, what),
               ""};
}

}  // namespace

Result<TapeIndex> TapeIndex::make(const TapeReader& tape) {
  TapeIndex index;
  // Checked against the chain: what is found here decides how memory is read.
  KTAPE_TRY(tape.for_each([&](const RecordView& view) { return index.visit(view); },
                          ChainCheck::kRecords));
  return index;
}

Result<void> TapeIndex::visit(const RecordView& view) {
  const schema::Record::Reader record = view.record;
  if (!view.known) return {};
  switch (record.which()) {
    case schema::Record::KERNEL_IDENTIFIED:
      // A kernel is identified once; a second record would be another kernel's.
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
      // The step that runs, for the freezes that come in it.
      step_ = string_of(record.getStepStarted().getName());
      return {};
    case schema::Record::FREEZE_BEGAN: {
      const auto from = record.getFreezeBegan();
      if (freezes_.size() == kMaxKept) return too_many("freezes");
      freezes_.push_back(freeze_of(from, view.seq, HostNs(record.getHostNs())));
      freezes_.back().step = step_;
      return {};
    }
    case schema::Record::FROZEN:
      if (Freeze* freeze = last_freeze(record.getFrozen().getFreeze()))
        freeze->froze(record.getFrozen());
      return {};
    case schema::Record::THAWED:
      if (Freeze* freeze = last_freeze(record.getThawed().getFreeze()))
        freeze->thaw(view.seq, record.getThawed());
      return {};
    default: return {};
  }
}

// Freezes do not nest: the record belongs to the last one.
Freeze* TapeIndex::last_freeze(uint64_t id) {
  return freezes_.empty() || freezes_.back().id != id ? nullptr : &freezes_.back();
}

const Freeze* TapeIndex::freeze(uint64_t id) const {
  const auto found = std::ranges::find(freezes_, id, &Freeze::id);
  return found == freezes_.end() ? nullptr : &*found;
}

const Freeze* TapeIndex::error_freeze() const {
  const auto is_error = [](const Freeze& freeze) { return freeze.is_hit_of(kEjectionTrigger); };
  const auto found = std::find_if(freezes_.rbegin(), freezes_.rend(), is_error);
  return found == freezes_.rend() ? nullptr : &*found;
}

Result<const Freeze*> TapeIndex::freeze_at(std::string_view text) const {
  const auto name = freeze_named(text);
  if (!name) {
    return Error{ErrorCode::kUsage,
                 fmt::format("{} does not name a freeze: expected freeze:N, freeze:last or "
                             "freeze:error",
                             in_quotes(text)),
                 ""};
  }
  if (freezes_.empty())
    return Error{ErrorCode::kNotApplicable, "the machine was never frozen in this run", ""};
  if (name->which == FreezeName::Which::kLast) return &freezes_.back();
  if (name->which == FreezeName::Which::kError) {
    if (const Freeze* found = error_freeze()) return found;
    return no_error_freeze();
  }
  if (const Freeze* found = freeze(name->number)) return found;
  return Error{ErrorCode::kNotApplicable,
               fmt::format("freeze {} is not on the tape: it has freezes {} to {}", name->number,
                           freezes_.front().id, freezes_.back().id),
               ""};
}

Result<const RecordedWorker*> TapeIndex::worker(std::string_view name, Seq by) const {
  const RecordedWorker* last = nullptr;
  std::vector<std::string> names;
  for (const RecordedWorker& worker : workers_) {
    // Workers that start later are not meant.
    if (worker.started > by) break;
    names.push_back(worker.name);
    if (worker.name == name) last = &worker;
  }
  if (last != nullptr) return last;
  const bool starts_later = std::ranges::any_of(
      workers_, [&](const RecordedWorker& worker) { return worker.name == name; });
  return Error{ErrorCode::kUsage,
               starts_later ? fmt::format("no worker {} had started by then", in_quotes(name))
                            : fmt::format("the tape has no worker {}", in_quotes(name)),
               printable(did_you_mean(name, names))};
}

}  // namespace ktape
