// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ktape {

// What an action of a step is.
enum class ActionKind { kOther, kColdRead, kColdWrite, kHot };

// An action of a step, as far as merging is concerned.
struct ActionToMerge {
  // Not explicit: a kind alone is an action.
  ActionToMerge(ActionKind of, bool is_alone = false, int32_t waited_for_ms = 0)
      : kind(of), alone(is_alone), retry_ms(waited_for_ms) {}

  ActionKind kind;
  bool alone;        // never done together with another
  int32_t retry_ms;  // a request has one: only equal ones are done together
};

// Adjacent actions that are done together. More than one only where they become one request.
struct ActionGroup {
  uint32_t first = 0;  // index in the step
  uint32_t count = 1;
  ActionKind kind = ActionKind::kOther;
  bool operator==(const ActionGroup&) const = default;
};

// Groups the actions of one step, in order: adjacent cold writes into one request, adjacent cold
// reads into one; a hot op is always a request of its own, since it is one value.
[[nodiscard]] std::vector<ActionGroup> merge_ops(const std::vector<ActionToMerge>& actions);

}  // namespace ktape
