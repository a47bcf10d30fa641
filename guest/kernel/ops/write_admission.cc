// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/write_admission.h"

#include <optional>
#include <variant>

namespace ktape {

void observe_task(const GateChecker& gates, const GuestMemory& memory, const PreparedOp& prepared,
                  bool write, ServedOp& served) {
  served.more().gates.emplace(
      gates.evaluate(memory, std::get<TaskRoot>(prepared.op->target.root), write));
}

// Evaluates the gates of all writes that can be reached.
bool admit_writes(const GateChecker& gates, const GuestMemory& memory,
                  const std::vector<PreparedOp>& prepared, ServedOps& served, LapTimer& timer) {
  // The first of each kind decides: a write refused for good makes a retry pointless, so it is
  // preferred.
  std::optional<size_t> passing, lasting;  // first write refused temporarily; permanently
  for (size_t i = 0; i < served.ops.size(); ++i) {
    const bool is_task = std::holds_alternative<TaskRoot>(prepared[i].op->target.root);
    if (is_task) {
      observe_task(gates, memory, prepared[i], true, served.ops[i]);
      served.ops[i].ticks = timer.lap();
      const GateReadings& readings = *served.ops[i].rest->gates;
      std::optional<size_t>& first = readings.may_pass ? passing : lasting;
      if (!readings.admitted && !first) first = i;
    }
    // Writes behind it are never reached, so their gates decide nothing.
    if (!prepared[i].refusal.empty()) break;  // it stops the rest, whatever memory says
  }
  if (!passing && !lasting) return true;
  const size_t refused = lasting ? *lasting : *passing;
  served.may_pass = !lasting;
  // Nothing was written, also before the one that refuses: the replies must not read as if the
  // earlier ones had been.
  for (size_t i = 0; i < served.ops.size(); ++i) {
    if (i != refused) served.ops[i].more().reason = i < refused ? kStoppedAfter : kStoppedBefore;
  }
  served.ops[refused].status = schema::EntryStatus::REFUSED;
  served.ops[refused].protecting_cpu = served.ops[refused].rest->gates->cpu;
  return false;
}

}  // namespace ktape
