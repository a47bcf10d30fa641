// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replay/diff/diff_entries.h"
#include "replay/diff/diff_rows.h"

namespace ktape {

// Which of an entry's values is compared.
struct ValueOf {
  ValueFacts EntryFacts::*member;
  std::string what;   // appended to the subject
  bool is_read_back;  // of what was written
};

// A step's key and a tag that several entries of that step have.
using SeriesKey = std::pair<std::string, std::string>;

// The entries of a series, by tape; none if the tape has none.
struct SeriesRow {
  std::vector<std::vector<const EntryFacts*>> a;
  std::vector<std::vector<const EntryFacts*>> b;
};

// The series that any tape of either side has.
[[nodiscard]] std::map<SeriesKey, SeriesRow> series_rows(const DiffSide& a, const DiffSide& b);

[[nodiscard]] std::string entry_subject(const EntryFacts& entry);
// Its value, if only whether it is there is compared.
[[nodiscard]] Seen seen_there(const EntryFacts& of);
[[nodiscard]] Seen seen_target(const EntryFacts& of);
[[nodiscard]] Seen seen_type(const EntryFacts& of);

// The work of compare_entries().
class EntryComparison {
 public:
  EntryComparison(const DiffSide& a, const DiffSide& b, const std::set<std::string>& moved,
                  Differences& to)
      : a_(a), b_(b), moved_(moved), to_(to) {}
  void compare();

 private:
  using Entry = EntryFacts;
  using EntryRow = DiffRow<Entry>;
  using Entries = std::vector<const Entry*>;

  void entry(const EntryRow& row);
  void values(const EntryRow& row, const ValueOf& of);
  [[nodiscard]] Aside of_value(const EntryRow& row, const ValueOf& of) const;
  void gates(const EntryRow& row);
  void add(DiffKind kind, std::string subject, RepeatColumn a, RepeatColumn b, Aside aside = {});

  // Compares summaries: which of two runs' values belong together is not known.
  void series(SeriesRow row);
  void series_counts(const SeriesRow& row, const std::string& subject);
  void series_done(const SeriesRow& row, const std::string& subject);
  void series_values(const SeriesRow& row, ValueFacts Entry::*member, const std::string& what);

  const DiffSide& a_;
  const DiffSide& b_;
  const std::set<std::string>& moved_;
  Differences& to_;
  bool own_ = false;  // ktape asked for the current value itself
};

}  // namespace ktape
