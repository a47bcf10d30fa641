// SPDX-License-Identifier: Apache-2.0
#include "tools/benchmarks/event_mix.h"

#include <capnp/dynamic.h>

#include <set>

#include "schema/tape/reading/reader.h"
#include "tests/support/must.h"
#include "tests/support/tape/shift_ids.h"

namespace ktape::bench {

namespace {

using schema::Record;

constexpr uint64_t kIdsPerRound = 2;  // the run had requests 1 and 2, and freezes

bool repeats(Record::Which kind) {
  static const std::set<Record::Which> kKinds = {
      Record::OP_REQUESTED, Record::FREEZE_BEGAN, Record::FROZEN, Record::THAWED,
      Record::GATE_CHECKED, Record::OP_REPLIED,   Record::CONSOLE};
  return kKinds.contains(kind);
}

}  // namespace

EventMix::EventMix(const std::string& tape) {
  auto reader = test::must(TapeReader::open(tape));
  test::must(reader->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.isSealed() || view.record.isSlimmed() || view.record.isGuestExited() ||
        view.record.isSchedulerExited())
      return {};
    events_.push_back(std::make_unique<capnp::MallocMessageBuilder>());
    events_.back()->setRoot(view.record);
    if (!view.record.isThawed()) return {};
    auto thawed = events_.back()->getRoot<Record>().getThawed();
    thawed.setPages(0);
    thawed.disownPagesDigest();
    return {};
  }));
}

std::unique_ptr<capnp::MallocMessageBuilder> EventMix::next() {
  for (;; ++at_) {
    if (at_ == events_.size()) {
      at_ = 0;
      ++round_;
    }
    const auto event = events_[at_]->getRoot<Record>().asReader();
    if (round_ > 0 && !repeats(event.which())) continue;
    ++at_;
    // Copied to its exact size: events created beforehand should not be far apart in memory.
    auto made = std::make_unique<capnp::MallocMessageBuilder>(
        static_cast<uint>(event.totalSize().wordCount + 1));
    made->setRoot(event);
    capnp::DynamicStruct::Builder whole(made->getRoot<Record>());
    test::shift_ids(whole.get(KJ_ASSERT_NONNULL(whole.which())).as<capnp::DynamicStruct>(),
                    round_ * kIdsPerRound);
    return made;
  }
}

void copy_event(Record::Builder to, Record::Reader from) {
  switch (from.which()) {
    case Record::OP_REQUESTED: return to.setOpRequested(from.getOpRequested());
    case Record::FREEZE_BEGAN: return to.setFreezeBegan(from.getFreezeBegan());
    case Record::FROZEN: return to.setFrozen(from.getFrozen());
    case Record::THAWED: return to.setThawed(from.getThawed());
    case Record::GATE_CHECKED: return to.setGateChecked(from.getGateChecked());
    case Record::OP_REPLIED: return to.setOpReplied(from.getOpReplied());
    case Record::CONSOLE: return to.setConsole(from.getConsole());
    default: break;
  }
  const capnp::DynamicStruct::Reader body(from);
  const auto field = KJ_ASSERT_NONNULL(body.which());
  capnp::DynamicStruct::Builder(to).set(field, body.get(field));
}

Result<Seq> append(TapeWriter& writer, uint64_t host_ns, Record::Reader event) {
  return writer.append(HostNs(host_ns), GuestNs(event.getGuestNs()),
                       [event](Record::Builder to) { copy_event(to, event); });
}

}  // namespace ktape::bench
