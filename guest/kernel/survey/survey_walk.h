// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "guest/kernel/sched/walk_memory.h"
#include "guest/kernel/survey/memory_survey.h"

namespace ktape {

// The memory of a survey, for walks: what cannot be walked is lost, and the walk goes on.
class SurveyWalk final : public WalkMemory {
 public:
  explicit SurveyWalk(MemorySurvey& survey) : survey_(survey) {}

  Result<void> read(GuestVirtual at, std::span<std::byte> out) override {
    if (survey_.read(at, out)) return {};
    return Error{ErrorCode::kNotApplicable, "lost", ""};
  }
  // The survey has counted it.
  Result<void> unreadable(const Error& why) override {
    (void)why;
    return {};
  }
  Result<void> damaged(std::string_view what) override {
    (void)what;
    survey_.lose();
    return {};
  }

 private:
  MemorySurvey& survey_;
};

}  // namespace ktape
