// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/diff_entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "replay/diff/diff_rows.h"
#include "replay/diff/entry_comparison.h"
#include "replay/tape/series.h"
#include "replay/tape/volatile_value.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"

namespace ktape {

namespace {

using Entry = EntryFacts;
using EntryRow = DiffRow<Entry>;

std::string hidden_reason(HiddenClass why) {
  switch (why) {
    case HiddenClass::kNone: break;
    case HiddenClass::kAddress: return "an address";
    case HiddenClass::kProcessId: return "a process id";
    case HiddenClass::kOfTheRun: return "each run has its own";
    case HiddenClass::kOwnRead: return "ktape read it on its own";
    case HiddenClass::kOwnLayout: return "no request asks for it: ktape used it internally";
    case HiddenClass::kUnusedLayout: return "the kernel is the same: one run did not use the field";
    case HiddenClass::kSameGate: return "its outcome is the same";
    case HiddenClass::kMomentaryGate: return "only observed: what the task did at that instant";
  }
  return "";
}

std::string repeats_text(size_t a, size_t b) {
  return a == b ? fmt::format("n={}", a) : fmt::format("n={}, {}", a, b);
}

std::string too_few_text(size_t a, size_t b) {
  return fmt::format("apart, but too few repeats ({})", repeats_text(a, b));
}

std::string gate_text(const GateFacts& gate) {
  return with_reason(enum_words(gate.outcome), gate.observed);
}

bool is_momentary(schema::Gate gate) {
  switch (gate) {
    case schema::Gate::OFF_RUNQUEUE:
    case schema::Gate::NOT_QUEUED:
    case schema::Gate::SETTLED:
    case schema::Gate::NO_DISPATCH:
    case schema::Gate::UNLOCKED:
    case schema::Gate::CONSISTENT: return true;
    default: return false;
  }
}

Seen seen_value(const Entry& entry, const ValueOf& of) {
  const ValueFacts& value = entry.*of.member;
  // No value has this key: texts that are safe to print have no control characters.
  if (!value.present) return Seen{"no value", "\x01no value", std::nullopt, entry.reply};
  Seen seen{value.shown, value.exact, std::nullopt, entry.reply};
  // The values of an enum have no order that means anything.
  if (value.number && !is_enum_like(entry.name, entry.type))
    seen.rank = rank_of(*value.number, entry.type, entry.width_bytes);
  return seen;
}

}  // namespace

void EntryComparison::add(DiffKind kind, std::string subject, RepeatColumn a, RepeatColumn b,
                          Aside aside) {
  if (own_) aside = Aside::hide(HiddenClass::kOwnRead);
  to_.add(kind, std::move(subject), std::move(a), std::move(b), std::move(aside));
}

namespace {

// Whether a difference in a value that both runs wrote before says more than that time has passed:
// if one run still has what it wrote, the other one lost it.
bool was_kept(const EntryRow& row, const ValueOf& of) {
  const auto kept = [&](const Entry* entry) { return (entry->*of.member).exact == entry->set_to; };
  const auto set = [](const Entry* entry) { return entry->set_before && !entry->set_to.empty(); };
  return std::ranges::all_of(row.a, set) && std::ranges::all_of(row.b, set) &&
         (std::ranges::any_of(row.a, kept) || std::ranges::any_of(row.b, kept));
}

bool is_constant(const RepeatColumn& column) {
  return std::ranges::all_of(column,
                             [&](const Seen& seen) { return seen.key == column.front().key; });
}

}  // namespace

Aside EntryComparison::of_value(const EntryRow& row, const ValueOf& of) const {
  const Entry& any = row.any();
  const bool bytes = (any.*of.member).bytes;
  const Variation variation = how_it_varies({any.name, any.path, any.type, bytes, any.per_cpu});
  if (variation == Variation::kNone) return {};
  const auto zero = [&](const Entry& entry) {
    const ValueFacts& value = entry.*of.member;
    return Seen{"", !value.present ? "none" : value.zero ? "zero" : "other", std::nullopt, Seq(0)};
  };
  const Change zeros = change_between(column_of(row.a, zero), column_of(row.b, zero));
  const auto value = [&](const Entry& entry) { return seen_value(entry, of); };
  const bool constant = row.a.size() > 1 && row.b.size() > 1 &&
                        is_constant(column_of(row.a, value)) &&
                        is_constant(column_of(row.b, value));
  // With few repeats, values that are all different are separated by chance.
  const bool pointer = variation != Variation::kBytes && any.type.ends_with('*');
  if (zeros == Change::kSame && (pointer || variation == Variation::kProcessId))
    return constant ? Aside{}
                    : Aside::may_vary(variation_text(pointer ? Variation::kAddress : variation));
  if (to_.repeated() && variation == Variation::kMomentary) {
    // With few repeats, values from a small set are the same by chance.
    const bool parted =
        change_between(column_of(row.a, value), column_of(row.b, value)) == Change::kChanged;
    // Whether this many repeats could tell two sides apart at all.
    const bool many = chance_of_shares(row.a.size(), row.a.size(), 0, row.b.size()) <= kOneOfTwenty;
    return parted && !many ? Aside::may_vary(too_few_text(row.a.size(), row.b.size())) : Aside{};
  }
  if (to_.repeated() && variation != Variation::kBytes) return {};
  if (constant) return {};
  const auto is_there = [&](const Entry* entry) { return (entry->*of.member).present; };
  const bool some_lack_it =
      !std::ranges::all_of(row.a, is_there) || !std::ranges::all_of(row.b, is_there);
  const bool significant = of.is_read_back || some_lack_it || was_kept(row, of) ||
                           (zeros == Change::kChanged && zero_is_significant(variation));
  return significant ? Aside{} : Aside::may_vary(variation_text(variation));
}

void EntryComparison::values(const EntryRow& row, const ValueOf& of) {
  const auto seen = [&](const Entry& entry) { return seen_value(entry, of); };
  add(DiffKind::kValue, entry_subject(row.any()) + of.what, column_of(row.a, seen),
      column_of(row.b, seen), of_value(row, of));
}

namespace {

std::set<schema::Gate> gates_of(const EntryRow& row) {
  std::set<schema::Gate> gates;
  for (const auto* side : {&row.a, &row.b}) {
    for (const Entry* entry : *side) {
      for (const auto& [gate, facts] : entry->gates) gates.insert(gate);
    }
  }
  return gates;
}

}  // namespace

void EntryComparison::gates(const EntryRow& row) {
  for (const schema::Gate gate : gates_of(row)) {
    bool enforced = false;
    bool everywhere = true;
    const auto of_side = [&](const std::vector<const Entry*>& side, bool outcome_alone) {
      RepeatColumn column;
      for (const Entry* entry : side) {
        const auto it = entry->gates.find(gate);
        everywhere = everywhere && it != entry->gates.end();
        enforced = enforced || (it != entry->gates.end() && it->second.enforced);
        const std::string text = it == entry->gates.end() ? "not recorded" : gate_text(it->second);
        column.push_back(
            {text,
             it != entry->gates.end() && outcome_alone ? enum_words(it->second.outcome) : text,
             std::nullopt, entry->request});
      }
      return column;
    };
    // Outcomes first: what a gate observes differs in every run.
    RepeatColumn a = of_side(row.a, true);
    RepeatColumn b = of_side(row.b, true);
    Aside aside;
    if (change_between(a, b) == Change::kSame) {
      a = of_side(row.a, false);
      b = of_side(row.b, false);
      aside = Aside::hide(HiddenClass::kSameGate);
    } else if (everywhere && !enforced && is_momentary(gate)) {
      aside = Aside::hide(HiddenClass::kMomentaryGate);
    }
    add(DiffKind::kGate,
        fmt::format("{}, gate {} ({})", entry_subject(row.any()), static_cast<unsigned>(gate),
                    enum_words(gate)),
        std::move(a), std::move(b), std::move(aside));
  }
}

void EntryComparison::entry(const EntryRow& row) {
  const Entry& any = row.any();
  const auto compared = [&](DiffKind kind, const std::string& subject, const auto& seen,
                            Aside aside = {}) {
    RepeatColumn a = column_of(row.a, seen);
    RepeatColumn b = column_of(row.b, seen);
    const bool same = change_between(a, b) == Change::kSame;
    add(kind, subject, std::move(a), std::move(b), std::move(aside));
    return same;
  };
  const auto status = [](const Entry& of) {
    const std::string text =
        of.reply.value == 0 ? "no reply" : with_reason(enum_words(of.status), of.reason);
    return Seen{text, without_numbers(text), std::nullopt, of.reply};
  };
  (void)compared(DiffKind::kReply, entry_subject(any), seen_target);
  const bool same_reply = compared(DiffKind::kReply, entry_subject(any), status);
  // With repeats, the entries that were done are compared even if others were not.
  if (same_reply || to_.repeated()) {
    EntryRow done = row;
    if (!same_reply) {
      const auto undone = [](const Entry* of) { return of->status != schema::EntryStatus::DONE; };
      std::erase_if(done.a, undone);
      std::erase_if(done.b, undone);
    }
    if (done.on_both_sides()) {
      values(done, {&Entry::value, "", any.write});
      values(done, {&Entry::before, ", before the write", false});
    }
  }
  // If the field moved, its layout is reported already, once for all entries.
  if (same_reply && !moved_.contains(any.path))
    (void)compared(DiffKind::kLayout, entry_subject(any), seen_type);
  gates(row);
  if (to_.repeated()) return;
  (void)compared(
      DiffKind::kThisRun, entry_subject(any) + ", address",
      [](const Entry& of) {
        const std::string text = fmt::format("{:#x}", of.address);
        return Seen{text, text, std::nullopt, of.reply};
      },
      Aside::hide(HiddenClass::kAddress));
}

void EntryComparison::compare() {
  const auto key = [](const Entry& entry) {
    return std::tuple(entry.step_key(), entry.tag, entry.nth);
  };
  std::map<SeriesKey, SeriesRow> all_series = series_rows(a_, b_);
  for (const auto& [of, row] : align_lists(a_, b_, &RunFacts::entries, key)) {
    own_ = row.any().own;
    const auto in = all_series.find({std::get<0>(of), std::get<1>(of)});
    if (in != all_series.end()) {
      // All of them at once, in the place of the first, which may be one of ktape's own.
      own_ = false;
      if (std::get<2>(of) == 0) series(in->second);
      continue;
    }
    if (!row.complete()) {
      add(DiffKind::kMissing, entry_subject(row.any()), column_of(row.a, seen_there),
          column_of(row.b, seen_there));
    }
    if (row.on_both_sides()) entry(row.present());
  }
}

std::string entry_subject(const EntryFacts& entry) {
  std::string text = fmt::format("step {} ", entry.step);
  if (!entry.step_name.empty()) text += fmt::format("'{}', ", entry.step_name);
  text += entry.tag;
  if (entry.nth > 0) text += fmt::format(" (no. {})", entry.nth + 1);
  return entry.tag == entry.target ? text : text + ": " + entry.target;
}

Seen seen_there(const EntryFacts& of) {
  return Seen{of.value.present ? of.value.shown : with_reason(enum_words(of.status), of.reason), "",
              std::nullopt, of.request};
}

Seen seen_target(const EntryFacts& of) {
  const std::string text = (of.write ? "write " : "read ") + of.target;
  return Seen{text, text, std::nullopt, of.request};
}

Seen seen_type(const EntryFacts& of) {
  const std::string text = fmt::format("{}, {}", count_text(of.width_bytes, "byte"),
                                       of.type.empty() ? "unchecked" : of.type);
  return Seen{text, text, std::nullopt, of.reply};
}

std::string with_reason(std::string text, const std::string& reason) {
  return reason.empty() ? text : std::move(text) + ": " + reason;
}

Aside Aside::hide(HiddenClass why) { return {Weight::kHidden, why, hidden_reason(why)}; }

void Differences::add(DiffKind kind, std::string subject, RepeatColumn a, RepeatColumn b,
                      Aside aside) {
  const Change change = change_between(a, b);
  if (change == Change::kSame) return;
  Difference& found = found_.emplace_back();
  const auto missing = [](const Seen& seen) { return !seen.there; };
  found.kind = std::ranges::any_of(a, missing) || std::ranges::any_of(b, missing)
                   ? DiffKind::kMissing
                   : kind;
  found.subject = std::move(subject);
  found.a = column_text(a);
  found.b = column_text(b);
  if (aside.weight == Weight::kMatters && change != Change::kChanged) {
    aside = Aside::may_vary(
        change == Change::kWithinRepeats
            ? fmt::format("same within repeats ({})", repeats_text(a.size(), b.size()))
            : too_few_text(a.size(), b.size()));
  }
  found.weight = aside.weight;
  found.hidden = aside.hidden;
  found.why = std::move(aside.why);
  if (!repeated_) {
    found.seq_a = a.front().seq;
    found.seq_b = b.front().seq;
    return;
  }
  found.repeats_a = std::move(a);
  found.repeats_b = std::move(b);
}

void compare_entries(const DiffSide& a, const DiffSide& b, const std::set<std::string>& moved,
                     Differences& to) {
  EntryComparison(a, b, moved, to).compare();
}

}  // namespace ktape
