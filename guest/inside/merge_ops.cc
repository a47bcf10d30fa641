// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/merge_ops.h"

namespace ktape {

std::vector<ActionGroup> merge_ops(const std::vector<ActionKind>& actions) {
  std::vector<ActionGroup> groups;
  for (uint32_t i = 0; i < actions.size(); ++i) {
    bool mergeable = actions[i] == ActionKind::kColdRead || actions[i] == ActionKind::kColdWrite;
    if (mergeable && !groups.empty() && groups.back().kind == actions[i]) {
      ++groups.back().count;
    } else {
      groups.push_back({i, 1, actions[i]});
    }
  }
  return groups;
}

}  // namespace ktape
