// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/idr_survey.h"

#include "guest/kernel/survey/survey_walk.h"
#include "guest/kernel/types/survey_types.h"

namespace ktape {

std::optional<IdrSurvey> IdrSurvey::create(const Btf& btf) {
  LayoutLog unused(btf);
  const Result<XarrayWalk> walk = XarrayWalk::create(btf, unused);
  const std::optional<uint64_t> tree = offset_of(btf, "struct idr", "idr_rt");
  if (!walk.ok() || !tree) return std::nullopt;
  return IdrSurvey(*walk, *tree);
}

void IdrSurvey::entries(MemorySurvey& survey, GuestVirtual idr,
                        const std::function<void(uint64_t)>& visit) const {
  SurveyWalk memory(survey);
  // Never an error: the survey goes on after what it lost.
  (void)walk_.walk(memory, idr + tree_offset_, XarrayWalk::Entries::kSingle,
                   [&](uint64_t, uint64_t entry) {
                     visit(entry);
                     return Result<void>();
                   });
}

}  // namespace ktape
