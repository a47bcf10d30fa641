// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/diff/diff.h"

namespace ktape {

// A comparison for programs. `all`: also the differences that are hidden, with the reason.
//
// One object, with its line end: "a", "b", "sameScenario", "matter", "mayVary", "hidden" (counts),
// "hiddenClasses" (counts by class), "differences": a list of kind, verdict ("changed", "mayVary",
// "hidden"), subject, a, b, seqA, seqB (strings of digits; left out where no one record says so),
// where it does not matter why, and where there are repeats repeatsA and repeatsB: what each of
// them has, null where it has nothing.
[[nodiscard]] std::string diff_as_json(const DiffSide& a, const DiffSide& b, const Diff& diff,
                                       bool all);

}  // namespace ktape
