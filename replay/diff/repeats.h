// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/units.h"

// What repeats of one run show at one place, held against what repeats of another one show there.

namespace ktape {

// What one tape shows at a place.
struct Seen {
  std::string text;  // for people
  std::string key;   // equal exactly where two tapes say the same
  // Of a number: its place among numbers; nothing: only equality counts.
  std::optional<uint64_t> rank;
  Seq seq;            // the record that says so; 0: none
  bool there = true;  // false: this tape has no such place
};

// What each tape of a side shows, in the order of the tapes.
using Column = std::vector<Seen>;

inline constexpr double kOneOfTwenty = 0.05;

enum class Judgement {
  kSame,           // one and the same in all tapes of both
  kChanged,        // another one, beyond what varies from repeat to repeat
  kWithinRepeats,  // what A has, repeats of B have as well
  kBarelyApart,  // numbers without overlap, but so few and so near that chance may have parted them
};

// Numbers count as changed where their ranges do not overlap and either the gap is wider than
// either range, or the repeats are so many that chance parts them in at most one of twenty
// comparisons. What is only equal or not counts as changed where no tape of A has what a tape of B
// has, or where a share differs by more than chance makes it in one of twenty comparisons.
[[nodiscard]] Judgement judge(const Column& a, const Column& b);

// How likely it is that of `a` and `b` tapes at least as unequal shares as these have a property
// that has nothing to do with the side (Fisher's exact test, two-sided).
[[nodiscard]] double chance_of_shares(size_t with_a, size_t a, size_t with_b, size_t b);

// "7000"; of repeats "655462..661200", "completed", "2 of 3: completed; 1 of 3: run timed out".
[[nodiscard]] std::string column_text(const Column& column);

}  // namespace ktape
