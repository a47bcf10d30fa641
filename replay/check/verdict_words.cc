// SPDX-License-Identifier: Apache-2.0
#include "replay/check/verdict_words.h"

namespace ktape {

const VerdictWords& words_of(CheckResult::Kind kind) {
  static constexpr VerdictWords kPassed = {"pass", "pass", "passed", false};
  static constexpr VerdictWords kViolated = {"fail", "violated", "violated", true};
  static constexpr VerdictWords kXfail = {"xfail", "xfail", "failed as expected", false};
  static constexpr VerdictWords kXpass = {"xpass", "xpass", "passed, but expected to fail", true};
  static constexpr VerdictWords kInconclusive = {"inconclusive", "inconclusive", "inconclusive",
                                                 false};
  static constexpr VerdictWords kNotAsked = {"notAsked", "not asked", "not asked", false};
  static constexpr VerdictWords kError = {"error", "error", "error", true};
  switch (kind) {
    case CheckResult::Kind::kPassed: return kPassed;
    case CheckResult::Kind::kViolated: return kViolated;
    case CheckResult::Kind::kXfail: return kXfail;
    case CheckResult::Kind::kXpass: return kXpass;
    case CheckResult::Kind::kInconclusive: return kInconclusive;
    case CheckResult::Kind::kNotAsked: return kNotAsked;
    case CheckResult::Kind::kError: break;
  }
  return kError;
}

}  // namespace ktape
