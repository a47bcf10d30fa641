// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/losses.h"

#include "schema/base/text.h"

namespace ktape {

void LossTally::visit(schema::Record::Reader record) {
  bool sealed = record.isSealed();
  if (!sealed && !record.isLost()) return;
  // The seal of a salvaged tape says what salvage left out, not what the recorder lost.
  if (!sealed || record.getSealed().getOutcome() != schema::Outcome::TRUNCATED) {
    known_ = true;
    losses_.clear();  // counters are totals: the last record is valid
  }
  add(sealed ? record.getSealed().getLosses() : record.getLost().getCounters());
}

void LossTally::add(capnp::List<schema::LossCounter>::Reader counters) {
  // Added to those of earlier records after a salvage, whose own losses come on top.
  for (auto counter : counters) {
    if (counter.getCount() == 0) continue;
    losses_.push_back({printable(chars(counter.getName())),
                       printable(chars(counter.getDescription())), counter.getCount()});
  }
}

std::string LossTally::text() const {
  std::string text;
  for (const auto& loss : losses_) {
    text += (text.empty() ? "" : ", ") + std::to_string(loss.count) + " " + loss.name;
  }
  if (!known_)
    return text.empty() ? "not known, the tape does not say"
                        : text + "; the recorder's losses are not known";
  return text.empty() ? "none" : text;
}

}  // namespace ktape
