// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/units.h"

// The values of repeats of one run at one place, compared with those of another run's repeats.

namespace ktape {

// The value of one tape at a place.
struct Seen {
  std::string text;  // for people
  std::string key;   // equal exactly if two tapes agree
  // For a number: its position among numbers; nothing: only equality counts.
  std::optional<uint64_t> rank;
  Seq seq;            // the record with the value; 0: none
  bool there = true;  // false: this tape has no such place
};

// The value of each tape of a side, in the order of the tapes.
using RepeatColumn = std::vector<Seen>;

inline constexpr double kOneOfTwenty = 0.05;

enum class Change {
  kSame,           // one value in all tapes of both
  kChanged,        // another value, beyond the variation between repeats
  kWithinRepeats,  // repeats of B also have what A has
  kBarelyApart,    // numbers without overlap, but too few and too close to rule out chance
};

// Numbers count as changed if their ranges do not overlap and either the gap is wider than either
// range, or there are so many repeats that chance separates them in at most one of twenty
// comparisons. Other values count as changed if no tape of A has a value that a tape of B has, or
// if the shares differ by more than chance makes them in one of twenty comparisons.
[[nodiscard]] Change change_between(const RepeatColumn& a, const RepeatColumn& b);

// The probability that, of `a` and `b` tapes, shares at least as unequal as these have a property
// that does not depend on the side (Fisher's exact test, two-sided).
[[nodiscard]] double chance_of_shares(size_t with_a, size_t a, size_t with_b, size_t b);

// "7000"; for repeats "655462..661200", "completed", "2 of 3: completed; 1 of 3: run timed out".
[[nodiscard]] std::string column_text(const RepeatColumn& column);

}  // namespace ktape
