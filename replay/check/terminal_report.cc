// SPDX-License-Identifier: Apache-2.0
#include "replay/check/terminal_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "replay/check/ktap.h"
#include "replay/check/verdict_words.h"
#include "replay/check/verdicts.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

using Kind = CheckResult::Kind;

constexpr size_t kVerdictColumns = 14;
constexpr size_t kMaxNameColumns = 28;
constexpr size_t kLinesKept = 128;  // more than an assertion of ours tells

// In the order in which they are shown.
constexpr Kind kOrder[] = {Kind::kPassed, Kind::kNotAsked, Kind::kInconclusive, Kind::kXfail,
                           Kind::kError,  Kind::kXpass,    Kind::kViolated};

// In capitals if it makes the check fail.
std::string verdict_word(Kind kind) {
  const VerdictWords& words = words_of(kind);
  std::string word = words.word;
  for (char& c : word) {
    if (words.bad && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return word;
}

Paint paint_of(Kind kind) {
  switch (kind) {
    case Kind::kPassed:
    case Kind::kXfail: return Paint::kGood;
    case Kind::kInconclusive: return Paint::kOpen;
    case Kind::kNotAsked: return Paint::kFaint;
    case Kind::kViolated:
    case Kind::kXpass:
    case Kind::kError: break;
  }
  return Paint::kBad;
}

bool begins_with_any(std::string_view line, std::initializer_list<std::string_view> leads) {
  return std::ranges::any_of(leads, [&](auto lead) { return line.starts_with(lead); });
}

std::string without(std::string_view lead, std::string_view text) {
  return std::string(text.starts_with(lead) ? text.substr(lead.size()) : text);
}

// as_subtest() has indented each line by two.
// About the verdict, or about the tape: nothing that proves it.
bool is_note(std::string_view line) {
  return line.starts_with("note, ") || line.ends_with(" of kinds that this build does not know");
}

bool proves(std::string_view line) {
  return !is_note(line) && !begins_with_any(line, {"violated, ", "undecided, ", "and "});
}

std::string more_text(size_t all) { return all > 1 ? fmt::format(" (and {} more)", all - 1) : ""; }

std::vector<std::string> notes_in(const std::vector<std::string>& said) {
  std::vector<std::string> notes;
  std::ranges::copy_if(said, std::back_inserter(notes), is_note);
  return notes;
}

// How many findings there are of each sort, without notes.
FindingCounts count_proofs(std::vector<std::string> said) {
  std::erase_if(said, is_note);
  return count_findings(said);
}

// All that is said, but for the finding with which `fact`, which stands above, begins.
std::vector<std::string> evidence(std::vector<std::string> said, const std::string& fact) {
  const auto shown = std::ranges::find_if(
      said, [&](const std::string& line) { return fact.starts_with(without("violated, ", line)); });
  if (shown != said.end()) said.erase(shown);
  if (said.size() <= kLinesKept) return said;
  const size_t more = said.size() - kLinesKept;
  said.resize(kLinesKept);
  said.push_back(fmt::format("and {} more; --ktap prints them", more));
  return said;
}

std::string first_proof(const std::vector<std::string>& said) {
  const auto found = std::ranges::find_if(said, proves);
  return found == said.end() ? "" : *found;
}

}  // namespace

void TerminalReport::add(const CheckStep& step) {
  if (tape_ != &step.tape) {
    close_tape();
    tape_ = &step.tape;
    heading(*tape_);
  }
  const CheckResult& result = step.checked.result;
  const std::vector<std::string> said = findings_in(step.checked.text);
  const FindingCounts counts = count_proofs(said);
  Row row{result.kind, step.run == nullptr ? "verify" : printable(step.run->label()), "", "", {}};
  switch (result.kind) {
    case Kind::kPassed:
      row.fact = first_proof(said);
      row.suffix = more_text(counts.other);
      row.more = notes_in(said);
      left_out_ |= counts.other > 1;
      break;
    case Kind::kInconclusive:
      row.fact = without("inconclusive: ", result.reason);
      row.suffix = more_text(counts.undecided);
      row.more = notes_in(said);
      left_out_ |= counts.undecided > 1 || counts.other > 0;
      break;
    case Kind::kNotAsked:
      // Once for all tapes: it does not depend on them.
      if (!not_asked_.insert(row.name).second) return;
      row.fact = without("not asked: ", result.reason);
      break;
    case Kind::kViolated:
      row.fact = result.reason.empty() ? first_proof(said) : result.reason;
      row.more = evidence(said, row.fact);
      break;
    case Kind::kXfail:
      row.fact = result.reason.empty() ? first_proof(said) : result.reason;
      row.suffix = more_text(counts.violated);
      row.more = notes_in(said);
      left_out_ |= counts.violated > 1 || counts.other > 0;
      break;
    case Kind::kXpass:
    case Kind::kError:
      row.fact = result.reason;
      row.more = evidence(said, "");
      break;
  }
  rows_.push_back(std::move(row));
}

void TerminalReport::heading(const CheckedTape& tape) {
  if (tapes_++ > 0) writer_.line("");
  std::string state = tape.integrity;
  if (tape.refused) return writer_.led("", printable(tape.path) + ": " + state, Paint::kTitle);
  if (tape.integrity != "intact") state += ": " + tape.finding;
  writer_.led("", fmt::format("{}: {}, losses: {}", printable(tape.path), state, tape.losses),
              Paint::kTitle);
  writer_.led("", "head " + tape.head, Paint::kFaint);
}

void TerminalReport::close_tape() {
  size_t widest = 0;
  for (const Row& row : rows_) {
    const size_t columns = columns_of(row.name);
    if (columns <= kMaxNameColumns) widest = std::max(widest, columns);
  }
  for (const Kind kind : kOrder) {
    for (const Row& row : rows_) {
      if (row.kind == kind) show(row, widest);
    }
  }
  rows_.clear();
}

void TerminalReport::show(const Row& row, size_t name_columns) {
  const std::string verdict = padded(verdict_word(row.kind), kVerdictColumns);
  const std::string below(kVerdictColumns + name_columns + 2, ' ');
  std::string lead = verdict + padded(row.name, name_columns) + "  ";
  if (columns_of(row.name) > name_columns && !row.fact.empty()) {
    writer_.led(lead, "", Paint::kPlain, paint_of(row.kind));
    lead = below;
  }
  writer_.led(lead, row.fact + row.suffix,
              row.kind == Kind::kNotAsked ? Paint::kFaint : Paint::kPlain, paint_of(row.kind));
  const bool failed = paint_of(row.kind) == Paint::kBad;
  for (const std::string& line : row.more)
    writer_.led(failed ? std::string(kVerdictColumns, ' ') : below, line);
}

std::string TerminalReport::finish(const CheckSummary& summary) {
  close_tape();
  const ExitCode code = summary.code();
  writer_.line("");
  writer_.led("", summary.verdicts(),
              code == ExitCode::kGood           ? Paint::kGood
              : code == ExitCode::kInconclusive ? Paint::kOpen
                                                : Paint::kBad);
  if (tapes_ > 1 && summary.losses() != "none") writer_.led("", "losses: " + summary.losses());
  if (left_out_) writer_.led("", "--ktap prints every finding", Paint::kFaint);
  return writer_.take();
}

}  // namespace ktape
