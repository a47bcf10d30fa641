// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "schema/record.capnp.h"

namespace ktape {

// A vCPU that a trigger froze the machine for. The texts are the record's, and not made safe.
struct RecordedHit {
  std::string_view trigger;
  int32_t vcpu = -1;  // -1: not said
  std::string_view detail;
};

// Of a freeze by triggers all its hits, by vCPU; the one that it tells of where an older recorder
// did not list them. None of other freezes.
[[nodiscard]] std::vector<RecordedHit> hits_of(schema::FreezeBegan::Reader began);

}  // namespace ktape
