// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "replay/check/check.h"

namespace ktape {

// What reports call a verdict.
struct VerdictWords {
  const char* name;    // for programs: "notAsked"
  const char* word;    // for people, in a column of verdicts: "not asked"
  const char* phrase;  // for people, in running text: "failed as expected"
  bool bad;            // it makes a check fail
};
[[nodiscard]] const VerdictWords& words_of(CheckResult::Kind kind);

}  // namespace ktape
