// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/lockups.h"

namespace ktape {

std::string seconds_text(uint64_t ms) {
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 != 0) {
    std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += "." + fraction;
  }
  return text + " s";
}

std::string lockups_later_than(uint64_t ms, uint64_t soft_lockup_ms, uint64_t rcu_stall_ms) {
  std::string text;
  if (soft_lockup_ms > ms)
    text = "a soft lockup (reported after " + seconds_text(soft_lockup_ms) + ")";
  if (rcu_stall_ms <= ms) return text;
  if (!text.empty()) return text + " or an RCU stall (" + seconds_text(rcu_stall_ms) + ")";
  return "an RCU stall (reported after " + seconds_text(rcu_stall_ms) + ")";
}

}  // namespace ktape
