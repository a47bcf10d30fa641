// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "replay/diff/entry_comparison.h"
#include "replay/tape/series.h"
#include "replay/tape/volatile_value.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"

namespace ktape {

namespace {

// "38 done; 2 refused: REASON". How many there are, and how many done, is compared apart.
Seen seen_statuses(const std::vector<const EntryFacts*>& entries) {
  std::map<std::string, size_t> counts;
  std::map<std::string, std::string> texts;
  for (const EntryFacts* entry : entries) {
    const std::string text = entry->reply.value == 0
                                 ? "without a reply"
                                 : with_reason(enum_words(entry->status), entry->reason);
    const std::string key = without_numbers(text);
    ++counts[key];
    texts.try_emplace(key, text);
  }
  Seen seen{"", "", std::nullopt, entries.front()->reply};
  for (const auto& [key, count] : counts) {
    seen.text += fmt::format("{}{} {}", seen.text.empty() ? "" : "; ", count, texts.at(key));
    seen.key += key + "\x01";
  }
  return seen;
}

Seen seen_count(const std::vector<const EntryFacts*>& entries) {
  const std::string text = std::to_string(entries.size());
  return Seen{text, text, entries.size(), entries.front()->request};
}

size_t number_done(const std::vector<const EntryFacts*>& entries) {
  return static_cast<size_t>(std::ranges::count(entries, schema::EntryStatus::DONE,
                                                [](const EntryFacts* of) { return of->status; }));
}

Seen seen_done(const std::vector<const EntryFacts*>& entries) {
  const std::string text = fmt::format("{} of {}", number_done(entries), entries.size());
  return Seen{text, std::to_string(number_done(entries)), number_done(entries),
              entries.front()->request};
}

using OfTapes = std::vector<std::vector<const EntryFacts*>>;

RepeatColumn column_of_series(const OfTapes& tapes,
                              Seen (*seen)(const std::vector<const EntryFacts*>&)) {
  RepeatColumn column;
  for (const auto& entries : tapes) column.push_back(seen(entries));
  return column;
}

struct Pick {
  const char* name;
  const EntryFacts* SeriesSummary::*entry;
};
constexpr Pick kPicks[] = {{"least value", &SeriesSummary::least},
                           {"median", &SeriesSummary::median},
                           {"largest value", &SeriesSummary::most}};

}  // namespace

std::map<SeriesKey, SeriesRow> series_rows(const DiffSide& a, const DiffSide& b) {
  std::map<SeriesKey, SeriesRow> rows;
  const SeriesRow none{OfTapes(a.tapes.size()), OfTapes(b.tapes.size())};
  for (const DiffSide* side : {&a, &b}) {
    for (const DiffTape& tape : side->tapes) {
      for (const EntryFacts& entry : tape.run.entries) {
        if (entry.nth > 0 && !entry.own) rows.try_emplace({entry.step_key(), entry.tag}, none);
      }
    }
  }
  const auto fill = [&](const DiffSide& side, OfTapes SeriesRow::*tapes) {
    for (size_t i = 0; i < side.tapes.size(); ++i) {
      for (const EntryFacts& entry : side.tapes[i].run.entries) {
        if (entry.own) continue;
        const auto row = rows.find({entry.step_key(), entry.tag});
        if (row != rows.end()) (row->second.*tapes)[i].push_back(&entry);
      }
    }
  };
  fill(a, &SeriesRow::a);
  fill(b, &SeriesRow::b);
  return rows;
}

void EntryComparison::series(SeriesRow row) {
  const auto first = [](const std::vector<Entries>& tapes) {
    Entries firsts;
    for (const Entries& entries : tapes)
      firsts.push_back(entries.empty() ? nullptr : entries.front());
    return firsts;
  };
  const EntryRow firsts{first(row.a), first(row.b)};
  // Of the series, also if ktape's own read was before its first value.
  Entry any = firsts.any();
  any.nth = 0;
  const std::string subject = entry_subject(any);
  if (!firsts.complete())
    add(DiffKind::kMissing, subject, column_of(firsts.a, seen_there),
        column_of(firsts.b, seen_there));
  if (!firsts.on_both_sides()) return;
  for (auto* tapes : {&row.a, &row.b})
    std::erase_if(*tapes, [](const Entries& entries) { return entries.empty(); });
  const EntryRow there = firsts.present();
  add(DiffKind::kReply, subject, column_of(there.a, seen_target), column_of(there.b, seen_target));
  series_counts(row, subject);
  series_values(row, &Entry::value, "");
  if (firsts.any().write) series_values(row, &Entry::before, "before the write, ");
  if (!moved_.contains(firsts.any().path))
    add(DiffKind::kLayout, subject, column_of(there.a, seen_type), column_of(there.b, seen_type));
}

void EntryComparison::series_counts(const SeriesRow& row, const std::string& subject) {
  const RepeatColumn a = column_of_series(row.a, seen_statuses);
  const RepeatColumn b = column_of_series(row.b, seen_statuses);
  add(DiffKind::kReply, subject, a, b);
  if (change_between(a, b) != Change::kChanged) series_done(row, subject);
  // Between single tapes; with repeats, their variation decides.
  const bool by_interval = row.a.front().front()->interval > 0;
  add(DiffKind::kReply, subject + ", number of values", column_of_series(row.a, seen_count),
      column_of_series(row.b, seen_count),
      by_interval && !to_.repeated() ? Aside::may_vary("intervals may be missed") : Aside{});
}

// The statuses are of the same kinds, but their shares may differ.
void EntryComparison::series_done(const SeriesRow& row, const std::string& subject) {
  const auto all_done = [](const Entries& of) { return number_done(of) == of.size(); };
  // Then the number of values says it.
  if (std::ranges::all_of(row.a, all_done) && std::ranges::all_of(row.b, all_done)) return;
  const Entries &a = row.a.front(), &b = row.b.front();
  const auto apart = [](size_t one, size_t other) {
    return std::max(one, other) - std::min(one, other);
  };
  // Intervals that were missed would have been done.
  const bool missed = a.front()->interval > 0 && !to_.repeated() &&
                      apart(number_done(a), number_done(b)) <= apart(a.size(), b.size());
  add(DiffKind::kReply, subject + ", number done", column_of_series(row.a, seen_done),
      column_of_series(row.b, seen_done),
      missed ? Aside::may_vary("intervals may be missed") : Aside{});
}

void EntryComparison::series_values(const SeriesRow& row, ValueFacts Entry::*member,
                                    const std::string& what) {
  std::deque<Entry> shown;  // what the rows point to
  const auto pick_from = [&](const std::vector<Entries>& tapes, const auto& pick) {
    Entries picked;
    for (const Entries& entries : tapes) {
      const SeriesSummary summary = summary_of(entries, member);
      if (summary.done == 0) continue;
      // Shown as the series, not as one of its entries.
      shown.push_back(pick(entries, summary));
      shown.back().nth = 0;
      picked.push_back(&shown.back());
    }
    return picked;
  };
  const auto compare = [&](const std::string& name, const auto& pick) {
    const EntryRow picked{pick_from(row.a, pick), pick_from(row.b, pick)};
    if (!picked.a.empty() && !picked.b.empty())
      values(picked, {member, ", " + what + name, picked.any().write && what.empty()});
  };
  const auto in_order = [&](const Entries& entries) {
    const SeriesSummary summary = summary_of(entries, member);
    return summary.done == 0 || summary.least != nullptr;
  };
  if (!std::ranges::all_of(row.a, in_order) || !std::ranges::all_of(row.b, in_order)) {
    return compare("its values", [&](const Entries& entries, const SeriesSummary&) {
      Entry one = *entries.front();
      one.*member = different_values(entries, member);
      return one;
    });
  }
  for (const Pick& one : kPicks)
    compare(one.name, [&](const Entries&, const SeriesSummary& of) { return *(of.*one.entry); });
}

}  // namespace ktape
