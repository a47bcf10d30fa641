// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "replay/diff.h"

namespace ktape {

// A comparison written up. `all`: also the differences that do not matter, with the reason.

// For people, 100 columns.
[[nodiscard]] std::string diff_as_text(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all);
// For an issue or a mail client that shows it.
[[nodiscard]] std::string diff_as_markdown(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all);
// One object, with its line end: "a", "b", "sameScenario", "matter", "hidden", "differences": a list of
// kind, subject, a, b, seqA, seqB (strings of digits; left out where no record says so) and, where it
// does not matter, hidden.
[[nodiscard]] std::string diff_as_json(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all);

}  // namespace ktape
