// SPDX-License-Identifier: Apache-2.0
#include "replay/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replay/page.h"

namespace ktape {

namespace {

constexpr size_t kLabelColumns = 11;
constexpr size_t kMostFieldLines = 3;
constexpr size_t kFindingsShown = 2;
constexpr size_t kTasksShown = 16;

using Lines = std::vector<std::string>;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The text's first `columns` columns; a UTF-8 sequence counts as one.
std::string cut(std::string_view text, size_t columns) {
  size_t at = 0;
  for (size_t n = 0; at < text.size(); ++at) {
    if (!continues(text[at]) && n++ == columns) break;
  }
  return std::string(text.substr(0, at));
}

size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

// In `columns` columns; what was cut off is told by dots.
std::string fitted(std::string_view text, size_t columns) {
  return width(text) <= columns ? std::string(text) : cut(text, columns - 3) + "...";
}

std::string cell(std::string_view text, size_t columns) {
  std::string fit = fitted(text, columns);
  fit.append(columns - width(fit), ' ');
  return fit;
}

// Words in lines that begin with `lead`, then under it; at most `most` lines, the last with dots when
// there was more.
Lines wrapped(const std::string& lead, std::string_view text, size_t most) {
  const size_t room = kReportColumns - width(lead);
  const std::string indent(width(lead), ' ');
  Lines lines;
  while (lines.size() < most) {
    std::string head = cut(text, room);
    if (head.size() < text.size() && lines.size() + 1 < most) {
      const size_t blank = text[head.size()] == ' ' ? head.size() : head.rfind(' ');
      if (blank != head.npos && blank > 0) head.resize(blank);
    } else {
      head = fitted(text, room);
    }
    lines.push_back((lines.empty() ? lead : indent) + head);
    if (head.size() >= text.size() || lines.size() == most) break;
    text.remove_prefix(head.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (text.empty()) break;
  }
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  return lines;
}

void append(Lines& to, const Lines& lines) { to.insert(to.end(), lines.begin(), lines.end()); }

// A part of the report. Where room is short, lines from its end give way to one that says how many.
struct Section {
  std::string title;  // empty: none, and no empty line before it
  Lines lines;
  bool whole = false;  // never cut
  size_t hidden = 0;

  void field(std::string_view label, std::string_view value, size_t most = kMostFieldLines) {
    append(lines, wrapped(cell(label, kLabelColumns), value, most));
  }
  [[nodiscard]] size_t height() const {
    return lines.empty() ? 0 : lines.size() + (title.empty() ? 0 : 2) + (hidden > 0 ? 1 : 0);
  }
};

std::string milliseconds(const WaitingTask& task) {
  return task.waiting_ms ? fmt::format("{} ms", *task.waiting_ms) : "?";
}

Section head(const ReportFacts& report) {
  const RunFacts& run = report.run;
  Section section;
  section.whole = true;
  section.field("tape", report.tape, 1);
  if (report.integrity != "intact") section.field("", report.integrity, 2);
  section.field("outcome", run.sealed
                               ? run.outcome + (run.outcome_detail.empty() ? "" : ": ") + run.outcome_detail
                               : "not known: the tape was never sealed");
  if (!run.scenario.empty()) section.field("scenario", run.scenario, 1);
  section.field("kernel", run.kernel.empty() ? "not known" : run.kernel, 2);
  if (!run.machine.empty()) section.field("machine", run.machine, 1);
  if (!run.captured.empty()) section.field("captured", run.captured + " by ktape " + run.recorder, 1);
  return section;
}

Section schedulers(const ReportFacts& report) {
  Section section;
  section.title = "SCHEDULER";
  for (const ReportScheduler& scheduler : report.schedulers) {
    const SchedulerFacts& facts = scheduler.facts;
    const std::string name = facts.name.empty() ? fmt::format("scheduler {}", facts.id) : facts.name;
    if (!facts.exited) {
      append(section.lines,
             wrapped("  ", fmt::format("{}: attached, {}; was there to the end", name, facts.declared), 2));
      continue;
    }
    append(section.lines,
           wrapped("  ",
                   fmt::format("{}: {} {} (seq {})", name, scheduler.error ? "ejected," : "exited,",
                               scheduler.kind, facts.seq.value),
                   2));
    if (!facts.exit_reason.empty()) append(section.lines, wrapped("    reason   ", facts.exit_reason, 2));
    if (!facts.exit_message.empty()) append(section.lines, wrapped("    message  ", facts.exit_message, 3));
  }
  return section;
}

Section incidents(const ReportFacts& report) {
  Section section;
  section.title = "KERNEL";
  for (const IncidentFacts& incident : report.run.incidents) {
    if (incident.first.empty() && incident.what.starts_with("freeze by")) continue;
    append(
        section.lines,
        wrapped("  ", fmt::format("seq {}: {}: {}", incident.seq.value, incident.what, incident.first), 3));
  }
  return section;
}

Section failures(const ReportFacts& report) {
  Section section;
  section.title = "STEPS AND WORKERS THAT DID NOT GO WELL";
  for (const StepFacts& step : report.run.steps) {
    if (step.finished && step.ok) continue;
    append(section.lines, wrapped("  ",
                                  fmt::format("seq {}: step {} {}{}{}", step.seq.value, step.key(),
                                              step.finished ? "failed" : "did not end",
                                              step.detail.empty() ? "" : ": ", step.detail),
                                  2));
  }
  for (const EntryFacts& entry : report.undone) {
    append(section.lines,
           wrapped("  ",
                   fmt::format("seq {}: '{}' in step {} was not done: {}", entry.request.value, entry.tag,
                               entry.step_key(), entry.reason.empty() ? "no reply" : entry.reason),
                   2));
  }
  for (const auto& [name, worker] : report.run.workers) {
    if (!worker.end.starts_with("killed")) continue;
    append(section.lines,
           wrapped("  ", fmt::format("seq {}: worker '{}' was {}", worker.seq.value, name, worker.end), 2));
  }
  return section;
}

// Whether the exit of a scheduler says it already.
bool is_told(const ReportFacts& report, const std::string& detail) {
  return std::ranges::any_of(report.schedulers, [&](const ReportScheduler& scheduler) {
    const std::string& message = scheduler.facts.exit_message;
    return !message.empty() && detail.find(message) != std::string::npos;
  });
}

Section freeze(const ReportFacts& report) {
  const ReportFreeze& freeze = *report.freeze;
  Section section;
  section.title = fitted(fmt::format("FREEZE {}, {} (seq {}, {:.3f} s into the run)", freeze.id, freeze.cause,
                                     freeze.began.value, static_cast<double>(freeze.at.value) / 1e9),
                         kReportColumns);
  if (!freeze.step.empty()) append(section.lines, wrapped("  in step ", "'" + freeze.step + "'", 1));
  if (!freeze.detail.empty() && !is_told(report, freeze.detail))
    append(section.lines, wrapped("  ", freeze.detail, 3));
  for (const ReportCpu& cpu : freeze.cpus) {
    const std::string lead = fmt::format("  CPU {:<3} ran ", cpu.cpu);
    std::string text = cpu.current.empty() ? "?" : cpu.current;
    text += " " + (cpu.where.empty() ? "at ?" : cpu.where);
    if (!cpu.state.empty()) text += "; " + cpu.state;
    append(section.lines, wrapped(lead, text, 2));
  }
  return section;
}

std::string task_line(const ReportFreeze& freeze, const WaitingTask& task) {
  return fitted(
      fmt::format("{} {} {:>12}  {} {:>6}  {}", is_named(freeze, task) ? '*' : ' ', cell(task.name(), 22),
                  milliseconds(task), cell(task.dsq.empty() ? "-" : task.dsq, 16),
                  task.last_cpu ? std::to_string(*task.last_cpu) : "?", task.cpus.empty() ? "?" : task.cpus),
      kReportColumns);
}

Section waiting(const ReportFreeze& freeze) {
  Section section;
  const WaitingTasks& waiting = freeze.waiting;
  section.title =
      fmt::format("RUNNABLE AND WAITING IN SCHED_EXT: {} ({})", waiting.total, waiting_source_text(freeze));
  if (freeze.source == WaitingSource::kNone) {
    section.title = "RUNNABLE AND WAITING IN SCHED_EXT: not known";
    append(section.lines,
           wrapped("  ", freeze.source_note.empty() ? "the tape does not tell" : freeze.source_note, 2));
    return section;
  }
  if (waiting.tasks.empty()) {
    section.lines.emplace_back("  nobody");
    return section;
  }
  section.lines.push_back(fmt::format("  {:<22} {:>12}  {:<16} {:>6}  {}", "task", "runnable for", "DSQ",
                                      "ran on", "may run on"));
  const size_t shown = std::min(waiting.tasks.size(), kTasksShown);
  for (size_t i = 0; i < shown; ++i) section.lines.push_back(task_line(freeze, waiting.tasks[i]));
  section.hidden = waiting.total - shown;
  return section;
}

// What an assertion found; its result's reason is the first of that again.
Lines evidence(const ReportAssertion& assertion) {
  const bool violated = assertion.result.kind == CheckResult::Kind::kViolated;
  Lines lines = {"  " + fitted(assertion.name, kReportColumns - 20) +
                 (violated ? " is violated" : " could not be asked")};
  if (assertion.findings.empty() && !assertion.result.reason.empty())
    append(lines, wrapped("    ", assertion.result.reason, 2));
  const size_t shown = std::min(assertion.findings.size(), kFindingsShown);
  for (size_t i = 0; i < shown; ++i) append(lines, wrapped("    ", assertion.findings[i], 2));
  if (assertion.findings.size() > shown)
    lines.push_back(fmt::format("    and {} more", assertion.findings.size() - shown));
  return lines;
}

Section assertions(const ReportFacts& report) {
  using Kind = CheckResult::Kind;
  const auto count = [&](Kind kind) {
    return std::ranges::count(report.assertions, kind,
                              [](const ReportAssertion& assertion) { return assertion.result.kind; });
  };
  Section section;
  for (const ReportAssertion& assertion : report.assertions) {
    const Kind kind = assertion.result.kind;
    if (kind == Kind::kViolated || kind == Kind::kError) append(section.lines, evidence(assertion));
  }
  section.title = fmt::format("ASSERTIONS: {} hold, {} inconclusive, {} violated", count(Kind::kPassed),
                              count(Kind::kInconclusive), count(Kind::kViolated));
  if (section.lines.empty()) section.lines.emplace_back("  none is violated");
  std::string undecided;
  for (const ReportAssertion& assertion : report.assertions) {
    if (assertion.result.kind == Kind::kInconclusive)
      undecided += (undecided.empty() ? "" : ", ") + assertion.name;
  }
  if (!undecided.empty()) append(section.lines, wrapped("  inconclusive: ", undecided, 3));
  return section;
}

Section proof(const ReportFacts& report) {
  Section section;
  section.title = "THE TAPE";
  section.whole = true;
  section.field("lost", report.losses, 2);
  if (report.head.empty()) return section;
  section.field("head", report.head, 1);
  section.field("verify", "ktape verify --expect HEAD " + report.tape, 2);
  return section;
}

// Takes lines from whoever has most, until all of it fits.
void shrink(std::vector<Section>& sections) {
  const auto total = [&] {
    size_t lines = 0;
    for (const Section& section : sections) lines += section.height();
    return lines;
  };
  while (total() > kReportLines) {
    Section* most = nullptr;
    for (Section& section : sections) {
      if (!section.whole && section.lines.size() > 1 &&
          (most == nullptr || section.lines.size() > most->lines.size()))
        most = &section;
    }
    if (most == nullptr) return;
    most->lines.pop_back();
    ++most->hidden;
  }
}

}  // namespace

std::string report_as_text(const ReportFacts& report) {
  std::vector<Section> sections;
  sections.push_back(head(report));
  sections.push_back(schedulers(report));
  sections.push_back(incidents(report));
  sections.push_back(failures(report));
  if (report.freeze) {
    sections.push_back(freeze(report));
    sections.push_back(waiting(*report.freeze));
  }
  sections.push_back(assertions(report));
  sections.push_back(proof(report));
  shrink(sections);
  std::string text;
  for (const Section& section : sections) {
    if (section.lines.empty()) continue;
    if (!section.title.empty()) text += "\n" + fitted(section.title, kReportColumns) + "\n";
    for (const std::string& line : section.lines) text += line + "\n";
    if (section.hidden > 0) text += fmt::format("  and {} more\n", section.hidden);
  }
  return text;
}

}  // namespace ktape
