// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "replay/check/verdict_words.h"
#include "replay/report/report_section.h"
#include "replay/tape/volatile_value.h"
#include "replay/text/text_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr size_t kFindingsShown = 2;
constexpr size_t kTasksShown = 16;

std::string milliseconds(const WaitingTask& task) {
  return task.waiting_ms ? fmt::format("{} ms", *task.waiting_ms) : "?";
}

Section head(const ReportFacts& report) {
  const RunFacts& run = report.run;
  Section section;
  section.whole = true;
  section.field("tape", report.tape);
  if (report.integrity != "intact") section.field("", report.integrity);
  section.field("outcome", run.sealed
                               ? run.outcome_text() + (run.outcome_detail.empty() ? "" : ": ") +
                                     run.outcome_detail
                               : "not known: the tape was never sealed");
  if (!run.scenario.empty()) section.field("scenario", run.scenario);
  section.field("kernel", run.kernel.empty() ? "not known" : run.kernel);
  if (!run.machine.empty()) section.field("machine", run.machine);
  if (!run.host.empty()) section.field("host", run.host);
  if (!run.waits.empty())
    section.field(run.host.empty() ? "host" : "", "vCPUs waited for a CPU: " + run.waits);
  if (!run.captured.empty()) section.field("captured", run.captured + " by ktape " + run.recorder);
  return section;
}

// Things that are alike, reported once.
template <typename Thing>
struct Alike {
  const Thing* first = nullptr;
  const Thing* last = nullptr;
  size_t count = 0;
};

// Grouped by key, in the order of the first of each.
template <typename Thing, typename KeyOf>
std::vector<Alike<Thing>> alike(const std::vector<const Thing*>& things, const KeyOf& key_of) {
  std::vector<Alike<Thing>> groups;
  std::map<std::string, size_t> places;
  for (const Thing* thing : things) {
    const auto [place, added] = places.try_emplace(key_of(*thing), groups.size());
    if (added) groups.push_back({thing, thing, 0});
    groups[place->second].last = thing;
    ++groups[place->second].count;
  }
  return groups;
}

// "seq 10", "12 times, seq 10 to 99"
std::string times(size_t count, Seq first, Seq last) {
  return count == 1 ? fmt::format("seq {}", first.value)
                    : fmt::format("{} times, seq {} to {}", count, first.value, last.value);
}

// "    reason   stall"; with the message below it.
void append_cause(const SchedulerFacts& facts, Lines& lines) {
  const std::string& reason = facts.exited ? facts.exit_reason : facts.ejecting;
  if (!reason.empty()) append(lines, wrapped("    reason   ", reason, 2));
  if (!facts.exit_message.empty()) append(lines, wrapped("    message  ", facts.exit_message, 3));
}

std::string exited_line(const Alike<ReportScheduler>& group, const char* how) {
  const SchedulerFacts& facts = group.first->facts;
  return fmt::format("{}: {}, {}{} ({})", facts.full_name(), how, group.first->kind,
                     facts.unfinished ? ", still exiting when the run ended" : "",
                     times(group.count, facts.seq, group.last->facts.seq));
}

// A scheduler that an error ended, or kept from being enabled: with the kernel's reason and
// message.
Lines ejected(const Alike<ReportScheduler>& group) {
  const SchedulerFacts& facts = group.first->facts;
  const std::string line =
      facts.exited ? exited_line(group, facts.enabled ? "ejected" : "not enabled")
                   : fmt::format("{}: attached, {}; was being ejected when the run ended ({})",
                                 facts.full_name(), facts.declared,
                                 times(group.count, facts.seq, group.last->facts.seq));
  Lines lines = wrapped("  ", line, 2);
  append_cause(facts, lines);
  return lines;
}

Lines not_ejected(const Alike<ReportScheduler>& group) {
  const SchedulerFacts& facts = group.first->facts;
  if (!facts.exited) {
    const std::string often = group.count == 1 ? "" : fmt::format(" ({} of them)", group.count);
    return wrapped("  ",
                   fmt::format("{}: attached, {}; was still attached at the end{}",
                               facts.full_name(), facts.declared, often),
                   2);
  }
  Lines lines = wrapped("  ", exited_line(group, "exited"), 2);
  if (group.count == 1) append_cause(facts, lines);
  return lines;
}

// Errors come first, even if the scheduler attached or ended later; errors that are alike are
// reported once, with their number.
Section schedulers(const ReportFacts& report) {
  Section section;
  section.title = "SCHEDULER";
  std::vector<const ReportScheduler*> errors;
  std::vector<const ReportScheduler*> others;
  size_t ejections = 0;
  size_t failures = 0;
  for (const ReportScheduler& scheduler : report.schedulers) {
    const bool enabled = scheduler.facts.enabled;
    ejections += scheduler.error && enabled ? 1 : 0;
    failures += enabled ? 0 : 1;
    (scheduler.error || !enabled ? errors : others).push_back(&scheduler);
  }
  if (report.schedulers.size() > 1) {
    section.title = fmt::format("SCHEDULERS: {}, {} ejected", report.schedulers.size(), ejections);
    if (failures > 0) section.title += fmt::format(", {} not enabled", failures);
  }
  const auto error_key = [](const ReportScheduler& scheduler) {
    return scheduler.facts.full_name() + "\n" + scheduler.facts.end_text() + "\n" +
           scheduler.facts.exit_reason + "\n" +
           without_numbers(scheduler.facts.exit_message + scheduler.facts.ejecting);
  };
  for (const Alike<ReportScheduler>& group : alike(errors, error_key)) {
    section.add(ejected(group), Rank::kImportant, group.first->kind);
  }
  const auto ordinary_key = [](const ReportScheduler& scheduler) {
    return scheduler.facts.full_name() + "\n" + scheduler.kind + "\n" +
           (scheduler.facts.exited ? "" : scheduler.facts.declared);
  };
  for (const Alike<ReportScheduler>& group : alike(others, ordinary_key)) {
    section.add(not_ejected(group), Rank::kOrdinary,
                group.first->facts.exited ? group.first->kind : "still attached");
  }
  return section;
}

// What ended the run before what it survived.
int severity(const IncidentFacts& incident) {
  if (incident.what.find("panic") != std::string::npos) return 0;
  if (incident.what.ends_with("warning")) return 2;
  return 1;
}

Section incidents(const ReportFacts& report) {
  Section section;
  section.title = "KERNEL";
  std::vector<const IncidentFacts*> described;
  for (const IncidentFacts& incident : report.run.incidents) {
    if (incident.first.empty() && incident.what.starts_with("freeze by")) continue;
    described.push_back(&incident);
  }
  std::ranges::stable_sort(described, {},
                           [](const IncidentFacts* incident) { return severity(*incident); });
  const auto key = [](const IncidentFacts& incident) {
    return incident.what + without_numbers(incident.first);
  };
  for (const Alike<IncidentFacts>& group : alike(described, key)) {
    const IncidentFacts& first = *group.first;
    section.add(
        wrapped("  ",
                fmt::format("{}: {}: {}{}{}", times(group.count, first.seq, group.last->seq),
                            first.what, first.first, first.note.empty() ? "" : "; ", first.note),
                first.note.empty() ? 3 : 6),
        severity(first) == 0 ? Rank::kImportant : Rank::kNormal);
  }
  // Without this line a reader would take silence for good news.
  if (!report.run.hidden_lockups.empty())
    section.add(wrapped("  ", "lockups may have gone unreported: " + report.run.hidden_lockups, 3));
  return section;
}

Section failures(const ReportFacts& report) {
  Section section;
  section.title = "FAILED STEPS AND WORKERS";
  for (const StepFacts& step : report.run.steps) {
    if (step.finished && step.ok) continue;
    section.add(wrapped("  ",
                        fmt::format("seq {}: step {} {}{}{}", step.seq.value, step.key(),
                                    step.finished ? "failed" : "did not end",
                                    step.detail.empty() ? "" : ": ", step.detail),
                        3),
                Rank::kImportant, "steps");
  }
  for (const auto& [name, worker] : report.run.workers) {
    if (!worker.end.starts_with("killed")) continue;
    section.add(
        wrapped("  ", fmt::format("seq {}: worker '{}' was {}", worker.seq.value, name, worker.end),
                2),
        Rank::kNormal, "workers");
  }
  std::vector<const EntryFacts*> undone;
  for (const EntryFacts& entry : report.undone) undone.push_back(&entry);
  const auto key = [](const EntryFacts& entry) {
    return entry.tag + "\n" + entry.step_key() + "\n" + without_numbers(entry.reason);
  };
  for (const Alike<EntryFacts>& group : alike(undone, key)) {
    const EntryFacts& entry = *group.first;
    section.add(
        wrapped("  ",
                fmt::format("{}: '{}' in step {} was not done: {}",
                            times(group.count, entry.request, group.last->request), entry.tag,
                            entry.step_key(), entry.reason.empty() ? "no reply" : entry.reason),
                3),
        Rank::kOrdinary, "that were not done");
  }
  section.hidden = report.undone_total - report.undone.size();
  if (section.hidden > 0) section.hidden_sorts["that were not done"] = section.hidden;
  return section;
}

// Whether the exit of a scheduler already says it.
bool is_reported(const ReportFacts& report, const std::string& detail) {
  return std::ranges::any_of(report.schedulers, [&](const ReportScheduler& scheduler) {
    const std::string& message = scheduler.facts.exit_message;
    return !message.empty() && detail.find(message) != std::string::npos;
  });
}

Section freeze(const ReportFacts& report) {
  const ReportFreeze& evidence = *report.freeze;
  const Freeze& freeze = evidence.freeze;
  Section section;
  section.title =
      fmt::format("FREEZE {}, {} (seq {}, {:.3f} s into the run)", freeze.id, cause_text(freeze),
                  freeze.began.value, static_cast<double>(freeze.at.value) / 1e9);
  if (!freeze.step.empty())
    section.add(wrapped("  in step ", in_quotes(freeze.step), 2), Rank::kImportant);
  for (const std::string& detail : evidence.details) {
    if (!is_reported(report, detail)) section.add(wrapped("  ", detail, 3), Rank::kImportant);
  }
  for (const ReportCpu& cpu : evidence.cpus) {
    const std::string lead = fmt::format("  CPU {:<3} ran ", cpu.text.cpu);
    std::string text = cpu.text.current.empty() ? "?" : cpu.text.current;
    if (!cpu.text.scheduling.empty()) text += fmt::format(" ({})", cpu.text.scheduling);
    text += " " + (cpu.text.where.empty() ? "at ?" : cpu.text.where);
    if (!cpu.text.state.empty()) text += "; " + cpu.text.state;
    const Rank rank = cpu.trigger ? Rank::kImportant : cpu.idle ? Rank::kOrdinary : Rank::kNormal;
    section.add(wrapped(lead, text, 3), rank, cpu.idle ? "idle" : "");
  }
  if (evidence.cpus.empty()) section.add({"  the tape does not say what the vCPUs did"});
  return section;
}

std::string task_line(const ReportFreeze& freeze, const WaitingTask& task) {
  return fitted(fmt::format("{} {} {:>12}  {} {:>6}  {}", is_named(freeze, task) ? '*' : ' ',
                            cell(task.name(), 22), milliseconds(task),
                            cell(task.dsq.empty() ? "-" : task.dsq, 16),
                            task.last_cpu ? std::to_string(*task.last_cpu) : "?",
                            task.cpus.empty() ? "?" : task.cpus),
                kReportColumns);
}

Section waiting(const ReportFreeze& freeze) {
  Section section;
  const WaitingTasks& waiting = freeze.waiting;
  section.title = fmt::format("RUNNABLE AND WAITING IN SCHED_EXT: {} ({})", waiting.total,
                              waiting_source_text(freeze));
  if (freeze.source == WaitingSource::kNone) {
    section.title = "RUNNABLE AND WAITING IN SCHED_EXT: not known";
    section.add(wrapped(
        "  ", freeze.source_note.empty() ? "the tape does not say" : freeze.source_note, 3));
    return section;
  }
  if (waiting.tasks.empty()) {
    section.add({"  none"});
    return section;
  }
  section.add({fmt::format("  {:<22} {:>12}  {:<16} {:>6}  {}", "task", "runnable for", "DSQ",
                           "ran on", "may run on")},
              Rank::kImportant);
  size_t ordinary = 0;
  for (const WaitingTask& task : waiting.tasks) {
    // Tasks that the kernel names are always shown.
    const bool named = is_named(freeze, task);
    if (!named && ordinary++ >= kTasksShown) continue;
    section.add({task_line(freeze, task)}, named ? Rank::kImportant : Rank::kNormal);
  }
  section.hidden = waiting.total - (section.items.size() - 1);
  return section;
}

// "3 more, 23 notes": the findings beyond the `shown` violations.
std::string not_shown(const FindingCounts& counts, size_t shown) {
  const bool ours = counts.violated > 0;
  std::string text;
  const auto add = [&](size_t n, const std::string& what) {
    if (n > 0) text += (text.empty() ? "" : ", ") + what;
  };
  const size_t more = (ours ? counts.violated : counts.other) - shown;
  add(more, fmt::format("{} more", more));
  add(counts.undecided, fmt::format("{} undecided", counts.undecided));
  if (ours) add(counts.other, fmt::format("{} in its favor", counts.other));
  add(counts.notes, count_text(counts.notes, "note"));
  return text;
}

// An assertion's findings; its result's reason repeats the first of them. Notes and findings in its
// favor are not violations: they are counted separately.
Lines evidence(const ReportAssertion& assertion) {
  const bool violated = assertion.result.kind == CheckResult::Kind::kViolated;
  Lines lines =
      wrapped("  ", assertion.name + (violated ? " is violated" : " ended with an error"), 2);
  const FindingCounts counts = count_findings(assertion.findings);
  if (assertion.findings.empty() && !assertion.result.reason.empty())
    append(lines, wrapped("    ", assertion.result.reason, 3));
  size_t shown = 0;
  for (const std::string& finding : assertion.findings) {
    const FindingCounts one = count_findings({finding});
    const bool is_one = (counts.violated > 0 ? one.violated : one.other) == 1;
    if (shown == kFindingsShown || !is_one) continue;
    append(lines, wrapped("    ", finding, 3));
    ++shown;
  }
  const std::string rest = not_shown(counts, shown);
  if (!rest.empty()) append(lines, wrapped("    ", "and " + rest, 2));
  return lines;
}

Section assertions(const ReportFacts& report) {
  using Kind = CheckResult::Kind;
  const auto count = [&](Kind kind) {
    return std::ranges::count(report.assertions, kind, [](const ReportAssertion& assertion) {
      return assertion.result.kind;
    });
  };
  Section section;
  for (const Kind kind : {Kind::kViolated, Kind::kError}) {
    for (const ReportAssertion& assertion : report.assertions) {
      if (assertion.result.kind == kind)
        section.add(evidence(assertion), Rank::kImportant,
                    kind == Kind::kViolated ? "violated" : "with errors");
    }
  }
  section.title =
      fmt::format("ASSERTIONS: {} passed, {} inconclusive, {} violated", count(Kind::kPassed),
                  count(Kind::kInconclusive), count(Kind::kViolated));
  if (const auto errors = count(Kind::kError); errors > 0)
    section.title += fmt::format(", {} with errors", errors);
  if (section.items.empty()) section.add({"  none is violated"});
  for (const Kind kind : {Kind::kXpass, Kind::kXfail, Kind::kInconclusive}) {
    std::string names;
    for (const ReportAssertion& assertion : report.assertions) {
      if (assertion.result.kind == kind) names += (names.empty() ? "" : ", ") + assertion.name;
    }
    if (!names.empty())
      section.add(wrapped(fmt::format("  {}: ", words_of(kind).phrase), names, 5));
  }
  return section;
}

Section proof(const ReportFacts& report) {
  Section section;
  section.title = "THE TAPE";
  section.whole = true;
  section.field("lost", report.losses);
  if (report.head.empty()) return section;
  section.field("head", report.head);
  section.field("verify", "ktape verify --expect HEAD " + report.tape);
  return section;
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
  shrink(sections, kReportLines);
  std::string text;
  for (const std::string& line : lines_of(sections)) text += line + "\n";
  return text;
}

}  // namespace ktape
