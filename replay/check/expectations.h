// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "replay/check/check.h"
#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// The failures that the scenario of a tape expects.
struct Expectations {
  struct Failure {
    std::string assertion;
    std::string match;  // empty: any failure
  };
  std::vector<Failure> failures;
  std::string ignored;  // why the tape's list is not used; empty: it is
};

// From the first record of a tape; none if a recorder died before it. A list that no recorder
// writes is not used.
[[nodiscard]] Result<Expectations> read_expectations(const TapeReader& tape);

// An assertion's result once these are taken into account: violated becomes kXfail if each failure
// that it tells has a text that is expected of it, and passed becomes kXpass. Any other result
// stays; a failure that is not expected says what was. `subtest`: what it printed (as_subtest).
[[nodiscard]] CheckResult as_expected(const Expectations& expected, const std::string& assertion,
                                      CheckResult result, std::string_view subtest);

}  // namespace ktape
