// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "guest/kernel/survey/memory_survey.h"
#include "guest/kernel/types/btf.h"

namespace ktape {

// Walks a whole struct idr.
class IdrSurvey {
 public:
  // Nothing if BTF lacks a required type.
  [[nodiscard]] static std::optional<IdrSurvey> create(const Btf& btf);

  // Calls `visit` with each entry, and records every node. Terminates because a node's shift must
  // be below its parent's; a node that breaks this is a loss.
  void entries(MemorySurvey& survey, GuestVirtual idr,
               const std::function<void(uint64_t)>& visit) const;

 private:
  IdrSurvey() = default;
  void node(MemorySurvey& survey, GuestVirtual node, uint64_t above,
            const std::function<void(uint64_t)>& visit) const;

  uint64_t head_offset_ = 0;
  uint64_t node_bytes_ = 0;
  uint64_t shift_offset_ = 0;
  uint64_t slots_offset_ = 0;
  uint64_t slots_ = 0;
};

}  // namespace ktape
