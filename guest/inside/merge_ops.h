// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ktape {

// The kind of an action of a step.
enum class ActionKind { kOther, kColdRead, kColdWrite, kHot };

// An action of a step, as far as merging needs it.
struct ActionToMerge {
  // Implicit: a kind alone is an action.
  ActionToMerge(ActionKind of, bool is_alone = false, int32_t waited_for_ms = 0,
                uint32_t again_ms = 0)
      : kind(of), alone(is_alone), retry_ms(waited_for_ms), every_ms(again_ms) {}

  ActionKind kind;
  bool alone;         // never merged with another action
  int32_t retry_ms;   // only requests with equal values are merged
  uint32_t every_ms;  // likewise
};

// Adjacent actions that are run together. More than one only if they become one request.
struct ActionGroup {
  uint32_t first = 0;  // index in the step
  uint32_t count = 1;
  ActionKind kind = ActionKind::kOther;
  bool operator==(const ActionGroup&) const = default;
};

// Groups the actions of one step, in order: adjacent cold writes become one request, adjacent cold
// reads another. A hot op is always its own request, because it is a single value. No action moves
// past another, so a step does what it says in its order.
[[nodiscard]] std::vector<ActionGroup> merge_ops(const std::vector<ActionToMerge>& actions);

}  // namespace ktape
