// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/ejections.h"

#include <algorithm>

#include "schema/base/text.h"
#include "schema/tape/facts/trigger_hits.h"

namespace ktape {

namespace {

bool is_of(const Ejections::Ejection& ejection, std::string_view scheduler) {
  const std::string& said = ejection.said;
  // Kernels whose schedulers are not objects do not name them in the message: then there is one.
  return said.find(" of '") == said.npos || said.find(" of " + in_quotes(scheduler)) != said.npos;
}

}  // namespace

void Ejections::froze(Seq seq, schema::FreezeBegan::Reader began) {
  for (const RecordedHit& hit : hits_of(began)) {
    // Without a detail the exit was unreadable, and nothing can be matched.
    if (hit.trigger != kEjectionTrigger || hit.detail.empty()) continue;
    if (under_way_.size() == kMaxUnderWay) under_way_.pop_front();
    under_way_.push_back({seq, printable(hit.detail)});
  }
}

void Ejections::ended(std::string_view scheduler) {
  std::erase_if(under_way_, [&](const Ejection& ejection) { return is_of(ejection, scheduler); });
}

const Ejections::Ejection* Ejections::of(std::string_view scheduler) const {
  const auto last =
      std::find_if(under_way_.rbegin(), under_way_.rend(),
                   [&](const Ejection& ejection) { return is_of(ejection, scheduler); });
  return last == under_way_.rend() ? nullptr : &*last;
}

}  // namespace ktape
