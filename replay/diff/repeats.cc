// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/repeats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace ktape {

namespace {

struct Range {
  uint64_t least = 0;
  uint64_t most = 0;
  [[nodiscard]] uint64_t width() const { return most - least; }
};

// Nothing unless all of them are numbers.
std::optional<Range> range_of(const RepeatColumn& column) {
  Range range{UINT64_MAX, 0};
  for (const Seen& seen : column) {
    if (!seen.rank) return std::nullopt;
    range = {std::min(range.least, *seen.rank), std::max(range.most, *seen.rank)};
  }
  return column.empty() ? std::nullopt : std::optional(range);
}

// Only if both are one and the same number.
Change compare_numbers(const Range& a, size_t count_a, const Range& b, size_t count_b) {
  if (a.least == b.most && b.least == a.most) return Change::kSame;
  const Range& low = a.least < b.least ? a : b;
  const Range& high = a.least < b.least ? b : a;
  if (high.least <= low.most) return Change::kWithinRepeats;
  const bool far = high.least - low.most > std::max(a.width(), b.width());
  // Ranges without overlap are shares of all and none: the same test says how likely chance makes
  // them.
  return far || chance_of_shares(count_a, count_a, 0, count_b) <= kOneOfTwenty
             ? Change::kChanged
             : Change::kBarelyApart;
}

std::map<std::string, size_t> counts_of(const RepeatColumn& column) {
  std::map<std::string, size_t> counts;
  for (const Seen& seen : column) ++counts[seen.key];
  return counts;
}

double log_choose(size_t n, size_t k) {
  // As logarithms: from 171 on factorials exceed a double.
  const auto log_factorial = [](size_t of) { return std::lgamma(static_cast<double>(of) + 1); };
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

}  // namespace

double chance_of_shares(size_t with_a, size_t a, size_t with_b, size_t b) {
  const size_t with = with_a + with_b;
  const auto log_chance = [&](size_t in_a) {
    return log_choose(a, in_a) + log_choose(b, with - in_a) - log_choose(a + b, with);
  };
  // Shares that are exactly as likely count as well, in spite of rounding.
  constexpr double kRounding = 1e-9;
  const double seen = log_chance(with_a);
  double sum = 0;
  // All shares with the same sums; those that are no likelier than the ones seen are at least as
  // unequal.
  for (size_t in_a = with > b ? with - b : 0; in_a <= std::min(a, with); ++in_a) {
    const double one = log_chance(in_a);
    if (one <= seen + kRounding) sum += std::exp(one);
  }
  return std::min(sum, 1.0);
}

Change change_between(const RepeatColumn& a, const RepeatColumn& b) {
  const std::optional<Range> range_a = range_of(a);
  const std::optional<Range> range_b = range_of(b);
  if (range_a && range_b) return compare_numbers(*range_a, a.size(), *range_b, b.size());
  const std::map<std::string, size_t> in_a = counts_of(a);
  const std::map<std::string, size_t> in_b = counts_of(b);
  if (in_a.size() == 1 && in_b.size() == 1 && in_a.begin()->first == in_b.begin()->first)
    return Change::kSame;
  std::map<std::string, std::pair<size_t, size_t>> shares;
  for (const auto& [key, count] : in_a) shares[key].first = count;
  for (const auto& [key, count] : in_b) shares[key].second = count;
  bool shared = false;
  for (const auto& [key, counts] : shares) {
    shared = shared || (counts.first > 0 && counts.second > 0);
    if (chance_of_shares(counts.first, a.size(), counts.second, b.size()) <= kOneOfTwenty)
      return Change::kChanged;
  }
  return shared ? Change::kWithinRepeats : Change::kChanged;
}

std::string column_text(const RepeatColumn& column) {
  if (column.size() == 1) return column.front().text;
  const auto by_rank = [](const Seen& one, const Seen& other) { return one.rank < other.rank; };
  if (range_of(column)) {
    const auto [least, most] = std::ranges::minmax_element(column, by_rank);
    return least->rank == most->rank ? least->text : least->text + ".." + most->text;
  }
  const std::map<std::string, size_t> counts = counts_of(column);
  std::string text;
  std::set<std::string> described;
  for (const Seen& seen : column) {
    if (!described.insert(seen.key).second) continue;
    if (!text.empty()) text += "; ";
    if (counts.size() > 1) text += fmt::format("{} of {}: ", counts.at(seen.key), column.size());
    text += seen.text;
  }
  return text;
}

}  // namespace ktape
