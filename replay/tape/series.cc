// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "replay/tape/volatile_value.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"

namespace ktape {

namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr size_t kListed = 5;

// Names in C and the kernel for integers that may be negative.
bool is_signed(std::string_view type) {
  constexpr std::array<std::string_view, 12> kNames = {
      "int", "long", "short", "long int",      "long long", "s8",
      "s16", "s32",  "s64",   "long long int", "pid_t",     "signed char"};
  return std::ranges::find(kNames, type) != kNames.end();
}

std::vector<const EntryFacts*> done_of(const std::vector<const EntryFacts*>& entries) {
  std::vector<const EntryFacts*> done;
  for (const EntryFacts* entry : entries) {
    if (entry->status == schema::EntryStatus::DONE) done.push_back(entry);
  }
  return done;
}

}  // namespace

uint64_t rank_of(uint64_t number, std::string_view type, uint32_t width_bytes) {
  if (!is_signed(type)) return number;
  // Sign-extended, then with the sign bit turned over: unsigned numbers in the order of the signed
  // ones.
  const unsigned bits = width_bytes * 8;
  const bool negative = bits > 0 && bits < 64 && (number >> (bits - 1) & 1) != 0;
  return (negative ? number | ~uint64_t{0} << bits : number) ^ kSignBit;
}

SeriesSummary summary_of(const std::vector<const EntryFacts*>& entries,
                         ValueFacts EntryFacts::*value) {
  SeriesSummary summary;
  summary.entries = entries.size();
  std::vector<const EntryFacts*> done = done_of(entries);
  summary.done = done.size();
  const auto has_order = [&](const EntryFacts* entry) {
    return (entry->*value).number && !is_enum_like(entry->name, entry->type);
  };
  if (done.empty() || !std::ranges::all_of(done, has_order)) return summary;
  // Stable: of equal values the first one counts.
  std::ranges::stable_sort(done, {}, [&](const EntryFacts* entry) {
    return rank_of(*(entry->*value).number, entry->type, entry->width_bytes);
  });
  summary.least = done.front();
  summary.median = done[(done.size() - 1) / 2];
  summary.most = done.back();
  return summary;
}

ValueFacts different_values(const std::vector<const EntryFacts*>& entries,
                            ValueFacts EntryFacts::*value) {
  ValueFacts together;
  std::map<std::string, const EntryFacts*> found;
  for (const EntryFacts* entry : done_of(entries)) found.try_emplace((entry->*value).exact, entry);
  size_t shown = 0;
  for (const auto& [exact, entry] : found) {
    const ValueFacts& one = entry->*value;
    together.present = together.present || one.present;
    together.bytes = together.bytes || one.bytes;
    together.zero = found.size() == 1 && one.zero;
    together.exact += "[" + exact + "]";
    if (shown++ < kListed) together.shown += (together.shown.empty() ? "" : ", ") + one.shown;
  }
  if (shown > kListed) together.shown += fmt::format(" and {} more", shown - kListed);
  return together;
}

std::vector<Series> series_of(const RunFacts& run) {
  std::vector<Series> series;
  std::map<std::pair<std::string, std::string>, size_t> places;
  for (const EntryFacts& entry : run.entries) {
    if (entry.own) continue;
    const auto [place, added] = places.try_emplace({entry.tag, entry.target}, series.size());
    if (added) {
      const bool same = entry.tag == entry.target;
      series.push_back({same ? entry.tag : entry.tag + ": " + entry.target, {}});
    }
    series[place->second].entries.push_back(&entry);
  }
  std::erase_if(series, [](const Series& one) { return one.entries.size() < 2; });
  return series;
}

std::string summary_text(const Series& series) {
  const SeriesSummary summary = summary_of(series.entries);
  const size_t undone = summary.entries - summary.done;
  std::string text = count_text(summary.done, "value");
  if (summary.least != nullptr) {
    text += fmt::format(" from {} to {}, median {}", summary.least->value.shown,
                        summary.most->value.shown, summary.median->value.shown);
  } else if (summary.done > 0) {
    text += ", among them " + different_values(series.entries).shown;
  }
  return undone > 0 ? text + fmt::format("; {} not done", undone) : text;
}

}  // namespace ktape
