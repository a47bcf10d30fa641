// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ktape {

enum class PhaseKind { kSleep, kSpin, kYield };

struct WorkerPhase {
  PhaseKind kind = PhaseKind::kSleep;
  std::chrono::milliseconds length{0};
  bool operator==(const WorkerPhase&) const = default;
};

// The phases of a worker in order, starting over when it loops.
class PhasePlan {
 public:
  PhasePlan(std::vector<WorkerPhase> phases, bool loop) : phases_(std::move(phases)), loop_(loop) {}

  // The next phase; nothing when the worker is done. A loop over no phases is done at once.
  [[nodiscard]] std::optional<WorkerPhase> next();

 private:
  std::vector<WorkerPhase> phases_;
  bool loop_;
  size_t next_ = 0;
};

}  // namespace ktape
