// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/merge_ops.h"

namespace ktape {

namespace {

bool are_one_request(const ActionToMerge& one, const ActionToMerge& next) {
  // A read after a write, or the other way round, is a new request: one request is all reads or all
  // writes, and their order matters to the scenario.
  const bool cold = one.kind == ActionKind::kColdRead || one.kind == ActionKind::kColdWrite;
  return cold && one.kind == next.kind && !one.alone && !next.alone &&
         one.retry_ms == next.retry_ms && one.every_ms == next.every_ms;
}

}  // namespace

std::vector<ActionGroup> merge_ops(const std::vector<ActionToMerge>& actions) {
  std::vector<ActionGroup> groups;
  for (uint32_t i = 0; i < actions.size(); ++i) {
    if (i > 0 && are_one_request(actions[i - 1], actions[i])) {
      ++groups.back().count;
    } else {
      groups.push_back({i, 1, actions[i].kind});
    }
  }
  return groups;
}

}  // namespace ktape
