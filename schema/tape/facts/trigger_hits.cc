// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/trigger_hits.h"

#include "schema/base/text.h"

namespace ktape {

std::vector<RecordedHit> hits_of(schema::FreezeBegan::Reader began) {
  if (began.getCause() != schema::FreezeCause::TRIGGER) return {};
  const auto listed = began.getHits();
  // Recorders before the list named one hit, in the freeze's own fields.
  if (listed.size() == 0)
    return {{chars(began.getTrigger()), began.getVcpu(), chars(began.getDetail())}};
  std::vector<RecordedHit> hits;
  for (auto hit : listed)
    hits.push_back(
        {chars(hit.getTrigger()), static_cast<int32_t>(hit.getVcpu()), chars(hit.getDetail())});
  return hits;
}

}  // namespace ktape
