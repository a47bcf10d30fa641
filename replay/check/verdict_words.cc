// SPDX-License-Identifier: Apache-2.0
#include "replay/check/verdict_words.h"

namespace ktape {

const VerdictWords& words_of(CheckResult::Kind kind) {
  using Kind = CheckResult::Kind;
  static constexpr VerdictWords kPassed = {"pass", "pass", "passed", false};
  static constexpr VerdictWords kViolated = {"fail", "violated", "violated", true};
  static constexpr VerdictWords kXfail = {"xfail", "xfail", "failed as expected", false};
  static constexpr VerdictWords kXpass = {"xpass", "xpass", "passed, but expected to fail", true};
  static constexpr VerdictWords kInconclusive = {"inconclusive", "inconclusive", "inconclusive",
                                                 false};
  static constexpr VerdictWords kNotAsked = {"notAsked", "not asked", "not asked", false};
  static constexpr VerdictWords kError = {"error", "error", "error", true};
  switch (kind) {
    case Kind::kPassed: return kPassed;
    case Kind::kViolated: return kViolated;
    case Kind::kXfail: return kXfail;
    case Kind::kXpass: return kXpass;
    case Kind::kInconclusive: return kInconclusive;
    case Kind::kNotAsked: return kNotAsked;
    case Kind::kError: break;
  }
  return kError;
}

}  // namespace ktape
