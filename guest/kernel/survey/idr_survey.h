// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "guest/kernel/sched/xarray.h"
#include "guest/kernel/survey/memory_survey.h"
#include "guest/kernel/types/btf.h"

namespace ktape {

// Walks a whole struct idr.
class IdrSurvey {
 public:
  // Nothing if BTF lacks a required type.
  [[nodiscard]] static std::optional<IdrSurvey> create(const Btf& btf);

  // Calls `visit` with each entry, and records every node. A damaged node is a loss.
  void entries(MemorySurvey& survey, GuestVirtual idr,
               const std::function<void(uint64_t)>& visit) const;

 private:
  IdrSurvey(const XarrayWalk& walk, uint64_t tree_offset)
      : walk_(walk), tree_offset_(tree_offset) {}

  XarrayWalk walk_;
  uint64_t tree_offset_;  // of the xarray in struct idr
};

}  // namespace ktape
