// SPDX-License-Identifier: Apache-2.0
#include "replay/diff_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "replay/json_lines.h"
#include "replay/page.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kSame[] = "the same";

bool is_shown(const Difference& one, bool all) { return all || one.hidden.empty(); }

std::string capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string cited(const std::string& text, Seq seq) {
  return seq.value == 0 ? text : fmt::format("{} (seq {})", text, seq.value);
}

// What is compared: name, A's, B's.
std::vector<std::array<std::string, 3>> subjects(const DiffSide& a, const DiffSide& b, const Diff& diff) {
  auto row = [](const char* name, const std::string& in_a, const std::string& in_b) {
    return std::array<std::string, 3>{name, in_a.empty() ? "not known" : in_a,
                                      in_a == in_b ? kSame : (in_b.empty() ? "not known" : in_b)};
  };
  std::vector<std::array<std::string, 3>> rows = {
      row("scenario", a.run.scenario, b.run.scenario), row("kernel", a.run.kernel, b.run.kernel),
      row("machine", a.run.machine, b.run.machine),
      row("arguments", a.run.kernel_command_line, b.run.kernel_command_line),
      row("outcome", a.run.outcome, b.run.outcome)};
  if (!diff.same_scenario && a.run.scenario == b.run.scenario)
    rows[0][2] = b.run.scenario + ", with another text";
  return rows;
}

std::string counted(size_t n, const std::string& what) { return count_text(n, what); }

std::string summary(const Diff& diff, bool all) {
  std::string text;
  for (DiffKind kind : kDiffKinds) {
    auto n = static_cast<size_t>(std::ranges::count_if(
        diff.differences, [&](const Difference& one) { return one.kind == kind && one.hidden.empty(); }));
    if (n > 0) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", diff_kind_text(kind), n);
  }
  text = diff.mattering() == 0 ? "nothing that matters differs"
                               : fmt::format("{} that matter{}: {}", counted(diff.mattering(), "difference"),
                                             diff.mattering() == 1 ? "s" : "", text);
  if (diff.hidden() == 0) return text;
  const char* verb = diff.hidden() == 1 ? "does" : "do";
  return text + fmt::format("; {} more that {} not matter{}", diff.hidden(), verb,
                            all ? "" : ": --all shows, and says why");
}

std::string different_scenarios() {
  return "The scenarios differ: what has the same step and tag in both is compared, the rest is missing in "
         "one.";
}

void side(Page& page, const char* label, const DiffSide& of) {
  page.field(label, fmt::format("{}: {}", printable(of.path), of.integrity));
  page.field("", "head " + of.head);
}

// "+848 -> +992, 8 bytes, u64": what is the same is said once.
std::string layout_change(const std::string& a, const std::string& b) {
  size_t rest_a = a.find(',');
  size_t rest_b = b.find(',');
  bool moved_only =
      rest_a != std::string::npos && rest_b != std::string::npos && a.substr(rest_a) == b.substr(rest_b);
  return (moved_only ? a.substr(0, rest_a) : a) + " -> " + b;
}

// Why it does not matter, behind it; nothing when it does.
std::string reason(const Difference& one) {
  return one.hidden.empty() ? "" : fmt::format(" [does not matter: {}]", one.hidden);
}

void layout_rows(Page& page, const std::vector<const Difference*>& rows) {
  size_t widest = 0;
  for (const Difference* row : rows) widest = std::max(widest, row->subject.size());
  for (const Difference* row : rows) {
    page.led(fmt::format("  {:<{}}  ", row->subject, widest), layout_change(row->a, row->b) + reason(*row));
  }
}

void difference_rows(Page& page, const std::vector<const Difference*>& rows) {
  for (const Difference* row : rows) {
    page.led("  ", row->subject + reason(*row));
    page.led("    A  ", cited(row->a, row->seq_a));
    page.led("    B  ", cited(row->b, row->seq_b));
  }
}

std::vector<const Difference*> of_kind(const Diff& diff, DiffKind kind, bool all) {
  std::vector<const Difference*> rows;
  for (const Difference& one : diff.differences) {
    if (one.kind == kind && is_shown(one, all)) rows.push_back(&one);
  }
  return rows;
}

// A cell of a Markdown table: nothing in it may end the cell, or be taken for markup.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (std::string_view("|\\`*_<>[]#&").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string json_side(const DiffSide& of) {
  std::string losses;
  for (const auto& [name, count] : of.run.losses) {
    losses += fmt::format("{}{}:\"{}\"", losses.empty() ? "" : ",", json_string(name), count);
  }
  return fmt::format(
      "{{\"tape\":{},\"integrity\":{},\"head\":{},\"scenario\":{},\"kernel\":{},\"machine\":{},\"outcome\":{}"
      ","
      "\"lossesKnown\":{},\"losses\":{{{}}}}}",
      json_string(printable(of.path)), json_string(of.integrity), json_string(of.head),
      json_string(of.run.scenario), json_string(of.run.kernel), json_string(of.run.machine),
      json_string(of.run.outcome), of.run.losses_known, losses);
}

// "valueChanged"
std::string json_kind(DiffKind kind) {
  switch (kind) {
    case DiffKind::kOutcome: return "outcomeChanged";
    case DiffKind::kVerdict: return "verdictChanged";
    case DiffKind::kValue: return "valueChanged";
    case DiffKind::kReply: return "replyChanged";
    case DiffKind::kGate: return "gateChanged";
    case DiffKind::kLayout: return "layoutChanged";
    case DiffKind::kMissing: return "missingInOne";
    case DiffKind::kLoss: return "lossChanged";
    case DiffKind::kThisRun: return "thisRun";
  }
  return "";
}

std::string losses_text(const RunFacts& run) {
  if (run.losses.empty()) return run.losses_known ? "nothing" : "not known";
  std::string text;
  for (const auto& [name, count] : run.losses)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

}  // namespace

std::string diff_as_text(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all) {
  Page page;
  side(page, "A", a);
  side(page, "B", b);
  page.line("");
  for (const auto& [name, in_a, in_b] : subjects(a, b, diff)) {
    if (in_b == kSame) {
      page.field(name, in_a);
    } else {
      page.field(name, "A  " + in_a);
      page.field("", "B  " + in_b);
    }
  }
  page.field("lost", "A  " + losses_text(a.run));
  page.field("", "B  " + losses_text(b.run));
  if (!diff.same_scenario) page.line(different_scenarios());
  for (DiffKind kind : kDiffKinds) {
    std::vector<const Difference*> rows = of_kind(diff, kind, all);
    if (rows.empty()) continue;
    page.section(capitals(diff_kind_text(kind)));
    kind == DiffKind::kLayout ? layout_rows(page, rows) : difference_rows(page, rows);
  }
  page.line("");
  page.line(summary(diff, all));
  return page.take();
}

std::string diff_as_markdown(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all) {
  std::string out = "| | A | B |\n|---|---|---|\n";
  auto row = [&](std::string_view name, const std::string& in_a, const std::string& in_b) {
    out += fmt::format("| {} | {} | {} |\n", name, cell(in_a), cell(in_b));
  };
  row("tape", printable(a.path), printable(b.path));
  row("integrity", a.integrity, b.integrity);
  row("head", a.head, b.head);
  for (const auto& [name, in_a, in_b] : subjects(a, b, diff)) row(name, in_a, in_b);
  row("lost", losses_text(a.run), losses_text(b.run));
  if (!diff.same_scenario) out += "\n" + different_scenarios() + "\n";
  for (DiffKind kind : kDiffKinds) {
    std::vector<const Difference*> rows = of_kind(diff, kind, all);
    if (rows.empty()) continue;
    std::string title = diff_kind_text(kind);
    title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
    out += fmt::format("\n### {}\n\n| | A | B |{}\n|---|---|---|{}\n", title, all ? " does not matter |" : "",
                       all ? "---|" : "");
    for (const Difference* one : rows) {
      out += fmt::format("| {} | {} | {} |", cell(one->subject), cell(cited(one->a, one->seq_a)),
                         cell(cited(one->b, one->seq_b)));
      out += all ? fmt::format(" {} |\n", cell(one->hidden)) : "\n";
    }
  }
  return out + "\n" + summary(diff, all) + "\n";
}

std::string diff_as_json(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all) {
  std::string out =
      fmt::format("{{\"a\":{},\"b\":{},\"sameScenario\":{},\"matter\":{},\"hidden\":{},\"differences\":[",
                  json_side(a), json_side(b), diff.same_scenario, diff.mattering(), diff.hidden());
  bool first = true;
  for (const Difference& one : diff.differences) {
    if (!is_shown(one, all)) continue;
    out += fmt::format("{}\n{{\"kind\":\"{}\",\"subject\":{},\"a\":{},\"b\":{}", first ? "" : ",",
                       json_kind(one.kind), json_string(one.subject), json_string(one.a), json_string(one.b));
    if (one.seq_a.value > 0) out += fmt::format(",\"seqA\":\"{}\"", one.seq_a.value);
    if (one.seq_b.value > 0) out += fmt::format(",\"seqB\":\"{}\"", one.seq_b.value);
    if (!one.hidden.empty()) out += ",\"hidden\":" + json_string(one.hidden);
    out += '}';
    first = false;
  }
  return out + "]}\n";
}

}  // namespace ktape
