// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "schema/record.capnp.h"

namespace ktape {

// A vCPU for which a trigger froze the machine. The texts are the record's, not escaped.
struct RecordedHit {
  std::string_view trigger;
  int32_t vcpu = -1;  // -1: not said
  std::string_view detail;
};

// All hits of a freeze by triggers, by vCPU; only the named one if an older recorder did not list
// them. None for other freezes.
[[nodiscard]] std::vector<RecordedHit> hits_of(schema::FreezeBegan::Reader began);

}  // namespace ktape
