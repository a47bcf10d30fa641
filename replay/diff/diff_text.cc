// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/diff_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <utility>
#include <vector>

#include "replay/text/text_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kSame[] = "the same";

std::string capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string cited(const std::string& text, Seq seq) {
  return seq.value == 0 ? text : fmt::format("{} (seq {})", text, seq.value);
}

// "completed, exit code 0"; for repeats with the number of each.
std::string outcomes(const DiffSide& side) {
  RepeatColumn column;
  for (const DiffTape& tape : side.tapes)
    column.push_back({tape.run.outcome_text(), tape.run.outcome_text(), std::nullopt, Seq(0)});
  return column_text(column);
}

// What is compared: name, value of A, value of B.
std::vector<std::array<std::string, 3>> subjects(const DiffSide& a, const DiffSide& b,
                                                 const Diff& diff) {
  auto row = [](const char* name, const std::string& in_a, const std::string& in_b) {
    return std::array<std::string, 3>{name, in_a.empty() ? "not known" : in_a,
                                      in_a == in_b ? kSame : (in_b.empty() ? "not known" : in_b)};
  };
  std::vector<std::array<std::string, 3>> rows = {
      row("scenario", a.run().scenario, b.run().scenario),
      row("kernel", a.run().kernel, b.run().kernel),
      row("machine", a.run().machine, b.run().machine),
      row("arguments", a.run().kernel_command_line, b.run().kernel_command_line),
      row("outcome", outcomes(a), outcomes(b))};
  // Older tapes have neither.
  const auto add = [&](const char* name, const std::string& in_a, const std::string& in_b) {
    if (!in_a.empty() || !in_b.empty()) rows.insert(rows.end() - 1, row(name, in_a, in_b));
  };
  add("clock", a.run().clock, b.run().clock);
  add("host", a.run().host, b.run().host);
  if (!diff.same_scenario && a.run().scenario == b.run().scenario)
    rows[0][2] = b.run().scenario + ", with a different text";
  return rows;
}

std::string what_matters(const Diff& diff) {
  if (diff.mattering() == 0) return "no differences that matter";
  std::string kinds;
  for (const DiffKind kind : kDiffKinds) {
    const auto n = std::ranges::count_if(diff.differences, [&](const Difference& one) {
      return one.kind == kind && one.weight == Weight::kMatters;
    });
    if (n > 0) kinds += fmt::format("{}{}: {}", kinds.empty() ? "" : ", ", diff_kind_text(kind), n);
  }
  return fmt::format("{} that matter{}: {}", count_text(diff.mattering(), "difference"),
                     diff.mattering() == 1 ? "s" : "", kinds);
}

// "12 addresses, 1 process id"
std::string hidden_classes(const Diff& diff) {
  std::string text;
  for (const auto& [of, count] : hidden_counts(diff))
    text += (text.empty() ? "" : ", ") + hidden_count_text(of, count);
  return text;
}

// Lines.
std::vector<std::string> summary(const Diff& diff, bool all) {
  std::vector<std::string> lines = {what_matters(diff)};
  if (const size_t n = diff.count(Weight::kMayVary); n > 0)
    lines.front() += fmt::format("; {} may vary", n);
  const std::string hidden = hidden_classes(diff);
  if (!hidden.empty())
    lines.push_back(all ? "hidden without --all: " + hidden
                        : fmt::format("hidden: {}; show them with --all", hidden));
  return lines;
}

std::string different_scenarios() {
  return "The scenarios differ: entries with the same step and tag are compared, the others are "
         "missing in one.";
}

void side(TextWriter& writer, const char* label, const DiffSide& of) {
  if (of.tapes.size() > 1) {
    writer.field(label, fmt::format("{}: {} repeats", printable(of.path), of.tapes.size()));
    for (const DiffTape& tape : of.tapes)
      writer.field("",
                   fmt::format("{}: {}, head {}", printable(tape.path), tape.integrity, tape.head));
    return;
  }
  writer.field(label, fmt::format("{}: {}", printable(of.path), of.tapes.front().integrity));
  writer.field("", "head " + of.tapes.front().head);
}

// "+848 -> +992, 8 bytes, u64": what is the same is printed once.
std::string layout_change(const std::string& a, const std::string& b) {
  size_t rest_a = a.find(',');
  size_t rest_b = b.find(',');
  bool moved_only = rest_a != std::string::npos && rest_b != std::string::npos &&
                    a.substr(rest_a) == b.substr(rest_b);
  return (moved_only ? a.substr(0, rest_a) : a) + " -> " + b;
}

// Why it does not matter, to be appended; nothing if it does.
std::string reason(const Difference& one) {
  return one.why.empty() ? "" : fmt::format(" [does not matter: {}]", one.why);
}

void layout_rows(TextWriter& writer, const std::vector<const Difference*>& rows) {
  size_t widest = 0;
  for (const Difference* row : rows) widest = std::max(widest, columns_of(row->subject));
  for (const Difference* row : rows) {
    writer.led(fmt::format("  {}  ", padded(row->subject, widest)),
               layout_change(row->a, row->b) + reason(*row));
  }
}

void difference_rows(TextWriter& writer, const std::vector<const Difference*>& rows) {
  for (const Difference* row : rows) {
    writer.led("  ", row->subject + reason(*row));
    const bool matters = row->weight == Weight::kMatters;
    writer.led("    A  ", cited(row->a, row->seq_a), matters ? Paint::kBad : Paint::kPlain);
    writer.led("    B  ", cited(row->b, row->seq_b), matters ? Paint::kGood : Paint::kPlain);
  }
}

// A section of the comparison.
struct DiffSection {
  std::string title;  // "value changed"
  std::vector<const Difference*> rows;
  bool has_verdicts = false;  // not all of its rows matter: each has a verdict
  bool layouts = false;
};

// A section for each kind, then what may vary. With repeats, all values that are not the same in
// all tapes are in one section, so that changed values appear next to the others.
std::vector<DiffSection> sections_of(const Diff& diff, bool all) {
  std::vector<DiffSection> sections;
  DiffSection may_vary{"may vary", {}, true};
  for (const DiffKind kind : kDiffKinds) {
    const bool together = diff.repeated && kind == DiffKind::kValue;
    DiffSection section{
        together ? "values" : diff_kind_text(kind), {}, together, kind == DiffKind::kLayout};
    for (const Difference& one : diff.differences) {
      if (one.kind != kind || !is_shown(one, all)) continue;
      (one.weight == Weight::kMayVary && !together ? may_vary : section).rows.push_back(&one);
    }
    if (!section.rows.empty()) sections.push_back(std::move(section));
  }
  if (!may_vary.rows.empty()) sections.push_back(std::move(may_vary));
  return sections;
}

constexpr std::string_view kChanged = "changed";

std::string verdict(const Difference& one) {
  return one.weight == Weight::kMatters ? std::string(kChanged) : one.why;
}

std::string side_title(const char* label, const DiffSide& side) {
  return side.tapes.size() == 1 ? label : fmt::format("{}, {} runs", label, side.tapes.size());
}

// A table: subject, A, B, verdict. A subject that is too long for its column has its own line.
void table(TextWriter& writer, const DiffSide& a, const DiffSide& b,
           const std::vector<const Difference*>& rows) {
  constexpr size_t kLine = 100;
  constexpr size_t kLeastOfWhat = 2;
  std::vector<std::array<std::string, 4>> cells = {
      {"", side_title("A", a), side_title("B", b), "verdict"}};
  for (const Difference* row : rows)
    cells.push_back(
        {row->subject, cited(row->a, row->seq_a), cited(row->b, row->seq_b), verdict(*row)});
  std::array<size_t, 4> widest{};
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) widest[i] = std::max(widest[i], columns_of(row[i]));
  }
  const size_t rest = widest[1] + widest[2] + widest[3] + 8;
  const bool fits = rest + kLeastOfWhat <= kLine;
  widest[0] = fits ? std::min(widest[0], kLine - rest) : 2;
  for (const auto& [what, in_a, in_b, says] : cells) {
    if (!fits && !what.empty()) {
      writer.led("  ", what);
      writer.led("    A  ", in_a);
      writer.led("    B  ", in_b);
      writer.led("       ", says);
      continue;
    }
    if (!fits) continue;
    const bool apart = columns_of(what) > widest[0];
    if (apart) writer.led("  ", what);
    writer.line(fmt::format("  {}  {}  {}  {}", padded(apart ? "" : what, widest[0]),
                            padded(in_a, widest[1]), padded(in_b, widest[2]), says),
                says == kChanged ? Paint::kBad : Paint::kPlain);
  }
}

// A cell of a Markdown table: nothing in it can end the cell or be taken for markup.
std::string escaped_cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (std::string_view("|\\`*_<>[]#&").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// A text of each tape of a side.
std::string tapes_of(const DiffSide& side, std::string DiffTape::*text) {
  std::string out;
  for (const DiffTape& tape : side.tapes) out += (out.empty() ? "" : ", ") + printable(tape.*text);
  return out;
}

// Of repeats all that they lost.
std::string losses_text(const DiffSide& side) {
  std::map<std::string, uint64_t> losses;
  bool known = true;
  for (const DiffTape& tape : side.tapes) {
    known = known && tape.run.losses_known;
    for (const auto& [name, count] : tape.run.losses) losses[name] += count;
  }
  if (losses.empty()) return known ? "nothing" : "not known";
  std::string text;
  for (const auto& [name, count] : losses)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return side.tapes.size() > 1 ? text + " in total" : text;
}

}  // namespace

bool is_shown(const Difference& one, bool all) { return all || one.weight != Weight::kHidden; }

std::map<HiddenClass, size_t> hidden_counts(const Diff& diff) {
  std::map<HiddenClass, size_t> counts;
  for (const Difference& one : diff.differences) {
    if (one.weight == Weight::kHidden) ++counts[one.hidden];
  }
  return counts;
}

std::string diff_as_text(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all,
                         Colors colors) {
  TextWriter writer(colors);
  side(writer, "A", a);
  side(writer, "B", b);
  writer.line("");
  for (const auto& [name, in_a, in_b] : subjects(a, b, diff)) {
    if (in_b == kSame) {
      writer.field(name, in_a);
    } else {
      writer.field(name, "A  " + in_a);
      writer.field("", "B  " + in_b);
    }
  }
  writer.field("lost", "A  " + losses_text(a));
  writer.field("", "B  " + losses_text(b));
  if (!diff.same_scenario) writer.line(different_scenarios());
  for (const DiffSection& section : sections_of(diff, all)) {
    writer.section(capitals(section.title));
    if (section.has_verdicts) {
      table(writer, a, b, section.rows);
    } else {
      section.layouts ? layout_rows(writer, section.rows) : difference_rows(writer, section.rows);
    }
  }
  writer.line("");
  Paint paint = diff.mattering() > 0 ? Paint::kBad : Paint::kGood;
  for (const std::string& line : summary(diff, all))
    writer.led("", line, std::exchange(paint, Paint::kFaint));
  return writer.take();
}

std::string diff_as_markdown(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all) {
  std::string out = "| | A | B |\n|---|---|---|\n";
  auto row = [&](std::string_view name, const std::string& in_a, const std::string& in_b) {
    out += fmt::format("| {} | {} | {} |\n", name, escaped_cell(in_a), escaped_cell(in_b));
  };
  row("tape", tapes_of(a, &DiffTape::path), tapes_of(b, &DiffTape::path));
  row("integrity", tapes_of(a, &DiffTape::integrity), tapes_of(b, &DiffTape::integrity));
  row("head", tapes_of(a, &DiffTape::head), tapes_of(b, &DiffTape::head));
  for (const auto& [name, in_a, in_b] : subjects(a, b, diff)) row(name, in_a, in_b);
  row("lost", losses_text(a), losses_text(b));
  if (!diff.same_scenario) out += "\n" + different_scenarios() + "\n";
  for (const DiffSection& section : sections_of(diff, all)) {
    std::string title = section.title;
    title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
    const std::string more = section.has_verdicts ? " verdict |" : all ? " does not matter |" : "";
    out += fmt::format("\n### {}\n\n| | {} | {} |{}\n|---|---|---|{}\n", title, side_title("A", a),
                       side_title("B", b), more, more.empty() ? "" : "---|");
    for (const Difference* one : section.rows) {
      out += fmt::format("| {} | {} | {} |", escaped_cell(one->subject),
                         escaped_cell(cited(one->a, one->seq_a)),
                         escaped_cell(cited(one->b, one->seq_b)));
      out += more.empty() ? "\n"
                          : fmt::format(" {} |\n", escaped_cell(section.has_verdicts ? verdict(*one)
                                                                                     : one->why));
    }
  }
  out += "\n";
  for (const std::string& line : summary(diff, all)) out += line + "\n";
  return out;
}

}  // namespace ktape
