// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schema/base/command/command_line.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// Which records of a tape to show, as given on the command line.
struct RecordChoice {
  std::string freeze;  // "2", "last", "error"
  std::string from;    // "120", a record; "15.5s", a time since the run began
  std::string to;
  std::vector<std::string> kinds;  // "freezeBegan", as in schema/record.capnp
  std::string step;                // its name, or its number on the time line

  // Nothing is asked for: all records.
  [[nodiscard]] bool empty() const;
};

void add_choice_options(CommandLine& program, RecordChoice& choice);

// Records that a choice names: those to which all of its parts apply.
class RecordFilter {
 public:
  // Reads the tape's records, if the choice needs it. kUsage for what no tape can have;
  // kNotApplicable for a freeze, step, record or time that this one has not.
  [[nodiscard]] static Result<RecordFilter> make(const TapeReader& tape,
                                                 const RecordChoice& choice);

  [[nodiscard]] bool takes(const RecordView& view) const;
  // Whether the choice names this kind; a discriminant of schema::Record.
  [[nodiscard]] bool names(uint16_t kind) const { return kinds_.contains(kind); }
  // The requests whose replies it takes, by op.
  [[nodiscard]] Result<std::set<uint64_t>> replies(const TapeReader& tape) const;

 private:
  // Records, or microseconds since the run began, from `first` to `last`.
  struct Span {
    uint64_t first = 0;
    uint64_t last = std::numeric_limits<uint64_t>::max();
    [[nodiscard]] bool has(uint64_t at) const { return first <= at && at <= last; }
  };
  class Scan;

  Result<void> take_kinds(const std::vector<std::string>& names);
  Result<void> take_bounds(const RecordChoice& choice, const Scan& scan);
  [[nodiscard]] bool is_of_freeze(const RecordView& view) const;

  Span records_;
  Span times_us_;
  std::optional<Span> step_;
  std::optional<Span> freeze_;
  uint64_t freeze_id_ = 0;
  uint64_t freeze_op_ = 0;    // the request that it served; 0: none
  std::set<uint16_t> kinds_;  // empty: all
};

}  // namespace ktape
