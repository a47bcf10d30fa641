// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ktape {

// What an action of a step is, as far as merging is concerned.
enum class ActionKind { kOther, kColdRead, kColdWrite, kHot };

// Adjacent actions that are done together. More than one only where they become one request.
struct ActionGroup {
  uint32_t first = 0;  // index in the step
  uint32_t count = 1;
  ActionKind kind = ActionKind::kOther;
  bool operator==(const ActionGroup&) const = default;
};

// Groups the actions of one step, in order: adjacent cold writes into one request, adjacent cold
// reads into one; a hot op is always a request of its own, since it is one value.
[[nodiscard]] std::vector<ActionGroup> merge_ops(const std::vector<ActionKind>& actions);

}  // namespace ktape
