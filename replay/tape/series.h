// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replay/tape/run_facts.h"

// The values of several entries with one tag, as a whole.

namespace ktape {

// The position of a number in the range of its type: signed types in the order of signed numbers.
[[nodiscard]] uint64_t rank_of(uint64_t number, std::string_view type, uint32_t width_bytes);

struct SeriesSummary {
  size_t entries = 0;
  size_t done = 0;
  // The entries with these values, among those that were done; the median is a value that was read,
  // the lower one of two. nullptr unless every value is a number and numbers between two of them
  // would mean something.
  const EntryFacts* least = nullptr;
  const EntryFacts* median = nullptr;
  const EntryFacts* most = nullptr;
};

// `value`: which of an entry's values. The summary points to `entries`, which outlive it.
[[nodiscard]] SeriesSummary summary_of(const std::vector<const EntryFacts*>& entries,
                                       ValueFacts EntryFacts::*value = &EntryFacts::value);

// The values of the entries that were done as one, each once and in a fixed order: "0, 1". It shows
// the first ones, and how many more there are.
[[nodiscard]] ValueFacts different_values(const std::vector<const EntryFacts*>& entries,
                                          ValueFacts EntryFacts::*value = &EntryFacts::value);

// A tag that several entries of a run have with one target; without reads that ktape made itself.
struct Series {
  std::string name;  // "ticks: jiffies_64", "jiffies_64"
  std::vector<const EntryFacts*> entries;
};

// In the order of their first entries. They point to `run`, which outlives them.
[[nodiscard]] std::vector<Series> series_of(const RunFacts& run);

// "40 values from 3 to 9, median 5", "3 values, among them 0, 1; 1 not done"
[[nodiscard]] std::string summary_text(const Series& series);

}  // namespace ktape
