// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "replay/check/verdict_words.h"
#include "replay/report/report_assets.h"
#include "replay/report/report_facts.h"
#include "replay/text/html.h"
#include "replay/text/output_file.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/text.h"
#include "schema/terms/scheduler_exit.h"

namespace ktape {

namespace {

// Bounds of the page, which a browser has to lay out.
constexpr size_t kMaxFindings = 50;  // of an assertion
constexpr size_t kMaxFreezes = 200;  // with a table of vCPUs each
constexpr size_t kMaxWaiting = 50;   // freezes with a table of who waited
constexpr size_t kFindingLimit = 2'000;

std::string number(uint64_t value) { return fmt::format("{}", value); }
std::string seconds(HostNs at) {
  return fmt::format("{:.6f}", static_cast<double>(at.value) / 1e9);
}

// A short text stays on one line; a long one is broken anywhere.
std::string kind_of(std::string_view kind, std::string_view text) {
  constexpr size_t kShort = 24;
  const std::string_view space = kind.empty() || text.size() > kShort ? "" : " ";
  return fmt::format("{}{}{}", kind, space, text.size() > kShort ? "" : "short");
}

HtmlCell plain(std::string_view text) { return {html_text(text), kind_of("", text)}; }
HtmlCell mono(std::string_view text) { return {html_text(text), kind_of("mono", text)}; }
HtmlCell count(std::string_view text) { return {html_text(text), "number"}; }
HtmlCell badge(std::string_view text, std::string_view kind) {
  return {fmt::format("<span class=\"badge {}\">{}</span>", kind, html_text(text)), ""};
}

HtmlCell list(const std::vector<std::string>& lines) {
  std::string html;
  for (const std::string& line : lines) html += "<li>" + html_text(line) + "</li>";
  return {html.empty() ? "" : "<ul>" + html + "</ul>", ""};
}

std::string section(const char* id, const char* title, const std::string& content) {
  return fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n{2}</section>\n",
                     id, title, content);
}

std::string field(const char* name, const std::string& html) {
  return html.empty() ? "" : fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
}

HtmlCell verdict_badge(CheckResult::Kind kind) {
  using Kind = CheckResult::Kind;
  const VerdictWords& words = words_of(kind);
  const char* other = kind == Kind::kInconclusive ? "open"
                      : kind == Kind::kNotAsked   ? "soft"
                                                  : "good";
  return badge(words.phrase, words.bad ? "bad" : other);
}

std::string summary(const RunFacts& run, const CheckedTape& checked) {
  bool completed = run.outcome.starts_with("completed");
  std::string outcome = run.sealed ? run.outcome_text() : "not known: the tape was never sealed";
  std::string integrity =
      badge(checked.integrity, checked.integrity == "intact" ? "good" : "open").html;
  if (!checked.finding.empty()) integrity += " " + html_text(checked.finding);
  std::string detail = run.outcome_detail.empty() ? "" : " " + html_text(run.outcome_detail);
  return fmt::format(
      "<dl>\n{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}</dl>\n",
      field("outcome", badge(outcome, completed ? "good" : "bad").html + detail),
      field("tape", integrity), field("scenario", html_text(run.scenario)),
      field("kernel", html_text(run.kernel)), field("machine", html_text(run.machine)),
      field("host", html_text(run.host)), field("vCPUs waited for a CPU", html_text(run.waits)),
      field("clocksource", html_text(run.clock)), field("lockups", html_text(run.hidden_lockups)),
      field("command line",
            "<span class=\"mono\">" + html_text(run.kernel_command_line) + "</span>"),
      field("captured", html_text(run.captured)), field("by", html_text("ktape " + run.recorder)),
      field("records", number(run.records)), field("lost", html_text(checked.losses)),
      field("head digest", "<span class=\"mono\">" + html_text(checked.head) + "</span>"));
}

// Whether a finding ("undecided, seq 5: ...") says nothing beyond the reason ("inconclusive: seq 5:
// ...").
bool says_again(std::string_view finding, std::string_view reason) {
  constexpr std::string_view kInconclusive = "inconclusive: ";
  if (reason.starts_with(kInconclusive)) reason.remove_prefix(kInconclusive.size());
  for (const std::string_view verdict : {"undecided, ", "violated, "}) {
    if (finding.starts_with(verdict)) return finding.substr(verdict.size()) == reason;
  }
  return false;
}

// "3 violations and 20 notes more left out"
std::string left_out_text(const FindingCounts& rest) {
  std::vector<std::string> parts;
  const auto add = [&](size_t n, std::string_view what) {
    if (n > 0) parts.push_back(count_text(n, what));
  };
  add(rest.violated, "violation");
  add(rest.undecided, "undecided finding");
  add(rest.other, "finding");
  add(rest.notes, "note");
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i)
    text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text + " more left out";
}

std::string verdicts_table(const Verdicts& verdicts) {
  HtmlTable table("Verdicts of the assertions", {"assertion", "verdict", "evidence"});
  for (const auto& [label, verdict] : verdicts) {
    std::vector<std::string> findings;
    for (size_t i = 0; i < verdict.findings.size(); ++i) {
      const std::string& finding = verdict.findings[i];
      if (says_again(finding, verdict.result.reason)) continue;
      if (findings.size() >= kMaxFindings) {
        const FindingCounts rest = count_findings(
            {verdict.findings.begin() + static_cast<ptrdiff_t>(i), verdict.findings.end()});
        findings.push_back(left_out_text(rest));
        break;
      }
      findings.push_back(finding.size() <= kFindingLimit
                             ? finding
                             : printable(finding.substr(0, kFindingLimit)) + "...");
    }
    HtmlCell why = list(findings);
    why.html.insert(0, html_text(verdict.result.reason));
    table.row({mono(printable(label)), verdict_badge(verdict.result.kind), why});
  }
  return table.take("No assertion was asked.");
}

using ReportFreezes = std::map<uint64_t, ReportFreeze>;  // by id

// The kernel's message for the freeze that began with this record; empty if there is none, or if it
// is not such a record.
std::string said_of_freeze(const ReportFreezes& freezes, Seq began) {
  for (const auto& [id, freeze] : freezes) {
    if (freeze.freeze.began == began) return fmt::format("{}", fmt::join(freeze.details, "; "));
  }
  return "";
}

std::string incidents_table(const RunFacts& run, const ReportFreezes& freezes) {
  HtmlTable table("Incidents of the run", {"record", "what", "the kernel's message"});
  for (const IncidentFacts& incident : run.incidents) {
    const std::string& first = incident.first;
    const std::string note = incident.note.empty() ? "" : "; " + incident.note;
    table.row({count(number(incident.seq.value)), plain(incident.what + note),
               mono(first.empty() ? said_of_freeze(freezes, incident.seq) : first)});
  }
  return table.take("No panic, no kernel complaint, no watchdog, no freeze by a trigger.");
}

std::string timeline() {
  return "<figure>\n<div id=\"controls\" hidden>"
         "<button id=\"show-whole\">Whole run</button><button id=\"show-steps\">Steps</button>"
         "<button id=\"show-requests\">Requests and freezes</button>"
         "<button id=\"show-closer\" aria-label=\"Zoom in\">+</button>"
         "<button id=\"show-wider\" aria-label=\"Zoom out\">\u2212</button>"
         "<button id=\"show-earlier\" aria-label=\"Earlier\">\u2190</button>"
         "<button id=\"show-later\" aria-label=\"Later\">\u2192</button>"
         "<span class=\"soft\">Click a bar to zoom to it; drag to move; Ctrl+wheel to "
         "zoom.</span></div>\n"
         "<svg id=\"timeline\" role=\"img\" tabindex=\"0\" aria-label=\"Timeline of schedulers, "
         "workers, "
         "steps, "
         "requests and freezes; the tables below have the same data\"></svg>\n"
         "<p id=\"picked\" class=\"soft\" aria-live=\"polite\"></p>\n"
         "<noscript><p class=\"note\">The timeline needs JavaScript. The tables have the "
         "same data.</p></noscript>\n"
         "</figure>\n";
}

std::string steps_table(const ReportSpans& spans) {
  HtmlTable table("Steps of the scenario", {"step", "began, s", "took", "record", "result"});
  for (const Span& step : spans.steps) {
    table.row({plain(step.label), count(seconds(step.begin)),
               count(duration_text(step.end.value - step.begin.value)),
               count(number(step.seq.value)),
               step.failed ? badge(step.text, "bad") : plain(step.text)});
  }
  return table.take("No step was started.");
}

std::string time_of(const ReportSpans& spans, Seq seq) {
  auto it = spans.times.find(seq.value);
  return it == spans.times.end() ? "" : seconds(it->second);
}

HtmlCell entry_status(const EntryFacts& entry) {
  const bool good = entry.status == schema::EntryStatus::DONE || entry.as_expected;
  if (entry.reply.value == 0) return badge("no reply", "open");
  HtmlCell cell = badge(enum_words(entry.status) + (entry.as_expected ? ", as expected" : ""),
                        good ? "good" : "bad");
  if (!entry.reason.empty()) cell.html += " " + html_text(entry.reason);
  return cell;
}

std::string entries_table(const RunFacts& run, const ReportSpans& spans) {
  HtmlTable table("Kernel state that was read and written, in order",
                  {"tag", "time, s", "target", "", "before", "value", "type", "result", "record"});
  for (const EntryFacts& entry : run.entries) {
    table.row({mono(entry.tag),
               count(time_of(spans, entry.reply.value == 0 ? entry.request : entry.reply)),
               mono(entry.target), plain(entry.write ? "write" : "read"), mono(entry.before.shown),
               mono(entry.value.shown), mono(entry.type), entry_status(entry),
               count(number(entry.reply.value == 0 ? entry.request.value : entry.reply.value))});
  }
  return "<div id=\"charts\"></div>\n" + table.take("Nothing was read or written.");
}

// The gates of an entry in two cells: the number that passed, and the others.
std::pair<std::string, std::string> gate_cells(const EntryFacts& entry) {
  std::vector<std::string> others;
  size_t passed = 0;
  for (const auto& [gate, facts] : entry.gates) {
    if (facts.outcome == schema::GateOutcome::PASSED) {
      ++passed;
      continue;
    }
    others.push_back(fmt::format("gate {}, {}: {}{}{}", static_cast<unsigned>(gate),
                                 enum_words(gate), enum_words(facts.outcome),
                                 facts.enforced ? "" : " (not enforced)",
                                 facts.observed.empty() ? "" : ", " + facts.observed));
  }
  return {fmt::format("{} of {}", passed, entry.gates.size()), list(others).html};
}

// Consecutive entries of one request with the same gates, such as those of one task, share a row.
std::string gates_table(const RunFacts& run) {
  HtmlTable table("Gates before each access to a task",
                  {"tag", "request", "passed", "others, with what was observed"});
  for (size_t i = 0; i < run.entries.size(); ++i) {
    const EntryFacts& entry = run.entries[i];
    if (entry.gates.empty()) continue;
    const auto cells = gate_cells(entry);
    std::string tags = html_text(entry.tag);
    for (; i + 1 < run.entries.size(); ++i) {
      const EntryFacts& next = run.entries[i + 1];
      if (next.request != entry.request || next.gates.empty() || gate_cells(next) != cells) break;
      tags += "<br>" + html_text(next.tag);
    }
    table.row({{tags, "mono"},
               count("record " + number(entry.request.value)),
               count(cells.first),
               {cells.second, ""}});
  }
  return table.take("No gate was checked.");
}

// The tasks that were runnable and waited in sched_ext; those that the kernel named are marked.
std::string waiting_table(const ReportFreeze& freeze) {
  if (freeze.source == WaitingSource::kNone) {
    return "<p class=\"soft\">Who waited in sched_ext is not known: " +
           html_text(freeze.source_note.empty() ? "the tape does not say"
                                                : printable(freeze.source_note)) +
           ".</p>\n";
  }
  const std::string source = waiting_source_text(freeze);
  HtmlTable table(fmt::format("{} runnable, waiting in sched_ext ({})",
                              count_text(freeze.waiting.total, "task"), source),
                  {"task", "runnable for", "DSQ", "ran on", "may run on"});
  for (const WaitingTask& task : freeze.waiting.tasks) {
    HtmlCell name = mono(task.name());
    if (is_named(freeze, task)) name.html += " " + badge("named by the kernel", "bad").html;
    table.row({name, count(task.waiting_ms ? fmt::format("{} ms", *task.waiting_ms) : "?"),
               mono(task.dsq.empty() ? "none" : task.dsq),
               count(task.last_cpu ? std::to_string(*task.last_cpu) : "?"),
               mono(task.cpus.empty() ? "?" : task.cpus)});
  }
  std::string html = table.take("No task was runnable and waiting in sched_ext (" + source + ").");
  if (freeze.waiting.total > freeze.waiting.tasks.size()) {
    html += fmt::format("<p class=\"note\">{} more left out.</p>\n",
                        count_text(freeze.waiting.total - freeze.waiting.tasks.size(), "task"));
  }
  return html;
}

std::string freeze_evidence(const DrawnFreeze& drawn, const ReportFreeze* waiting) {
  const Freeze& freeze = drawn.freeze;
  HtmlTable table(fmt::format("vCPUs at freeze {}", freeze.id),
                  {"CPU", "where", "state", "running", "policy, class"});
  for (const VcpuText& vcpu : drawn.vcpus) {
    table.row({count(number(vcpu.cpu)), mono(vcpu.where), plain(vcpu.state), mono(vcpu.current),
               plain(vcpu.scheduling.empty() ? "not known" : vcpu.scheduling)});
  }
  std::string more;
  if (drawn.vcpus_left_out > 0) {
    more = fmt::format("<p class=\"note\">{} more left out.</p>\n",
                       count_text(drawn.vcpus_left_out, "vCPU"));
  }
  std::string bypass =
      freeze.bypass_depth > 0 ? fmt::format(", SCX BYPASS DEPTH {}", freeze.bypass_depth) : "";
  std::string ended = freeze.thawed.value > 0
                          ? fmt::format("frozen for {}, {} kept", duration_text(freeze.frozen_ns),
                                        count_text(freeze.pages, "page"))
                          : "never thawed";
  return fmt::format(
      "<h3>Freeze {} <span class=\"soft\">for {}</span></h3>\n<p>At {} s, record {}; every vCPU "
      "stopped after "
      "{}; {}{}"
      ".</p>\n{}{}{}",
      freeze.id, html_text(drawn.cause), seconds(freeze.at), freeze.began.value,
      duration_text(freeze.stop_latency_ns), ended, bypass,
      table.take("The tape has no state of the vCPUs."), more,
      waiting == nullptr ? "" : waiting_table(*waiting));
}

std::string freezes(const ReportSpans& spans, const ReportFreezes& waiting) {
  if (spans.freezes.empty()) return "<p class=\"soft\">The machine was never frozen.</p>\n";
  // Freezes for requests or at intervals give way to those that something in the run caused.
  const auto own = static_cast<size_t>(std::ranges::count_if(
      spans.freezes, [](const DrawnFreeze& drawn) { return drawn.freeze.is_own(); }));
  size_t room_of_own = std::min(own, kMaxFreezes);
  size_t room_of_others = kMaxFreezes - room_of_own;
  size_t left_out = 0;
  std::string html;
  for (const DrawnFreeze& drawn : spans.freezes) {
    size_t& room = drawn.freeze.is_own() ? room_of_own : room_of_others;
    if (room == 0) {
      ++left_out;
      continue;
    }
    --room;
    const auto found = waiting.find(drawn.freeze.id);
    html += freeze_evidence(drawn, found == waiting.end() ? nullptr : &found->second);
  }
  if (left_out > 0)
    html +=
        fmt::format("<p class=\"note\">{} more left out.</p>\n", count_text(left_out, "freeze"));
  return html;
}

std::string schedulers_table(const RunFacts& run) {
  HtmlTable table("Schedulers and how they ended",
                  {"scheduler", "declares", "exit", "reason", "message", "record"});
  for (const SchedulerFacts& scheduler : run.schedulers) {
    const bool plain_exit = scheduler.exited && scheduler.enabled && !scheduler.unfinished;
    table.row({plain(fmt::format("{} {}", scheduler.id, scheduler.full_name())),
               plain(scheduler.declared),
               plain(plain_exit ? exit_words(scheduler.exit_kind, scheduler.exit_code)
                                : scheduler.end_text()),
               plain(scheduler.exited ? scheduler.exit_reason : scheduler.ejecting),
               mono(scheduler.exit_message), count(number(scheduler.seq.value))});
  }
  return table.take("No scheduler was attached.");
}

std::string workers_table(const RunFacts& run) {
  HtmlTable table("Workers", {"worker", "pid", "policy", "end", "record"});
  for (const auto& [name, worker] : run.workers) {
    table.row({mono(name), count(std::to_string(worker.pid)), plain(worker.policy),
               plain(worker.end.empty() ? "was still there at the end" : worker.end),
               count(number(worker.seq.value))});
  }
  return table.take("There were no workers.");
}

std::string layouts_table(const RunFacts& run) {
  HtmlTable table("This kernel's layout of the fields used",
                  {"type", "path", "offset, bytes", "size, bytes", "encoding"});
  for (const auto& [field, layout] : run.layouts) {
    table.row({mono(field.first), mono(field.second), count(number(layout.offset_bytes)),
               count(number(layout.size_bytes)), mono(layout.encoding)});
  }
  return table.take("The tape has no layouts.");
}

std::string samples_table(const ReportSpans& spans) {
  HtmlTable table("Values sampled while the machine ran", {"name", "time, s", "value", "record"});
  for (const SampleFacts& sample : spans.samples) {
    table.row({mono(sample.name), count(seconds(sample.at)), mono(sample.value),
               count(number(sample.seq.value))});
  }
  return spans.samples.empty() ? "" : table.take("");
}

std::string losses_table(const RunFacts& run) {
  HtmlTable table("What the recorder lost", {"counter", "count"});
  for (const auto& [name, lost] : run.losses) table.row({mono(name), count(number(lost))});
  return table.take(run.losses_known ? "Nothing was lost." : "Not known: the tape does not say.");
}

std::string left_out(const ReportSpans& spans) {
  std::string what;
  for (const auto& [sort, left] : spans.left_out)
    what += fmt::format("{}{} {}", what.empty() ? "" : ", ", left, sort);
  return what.empty() ? ""
                      : "<p class=\"note\">Left out of this page: " + html_text(what) + ".</p>\n";
}

std::string console(const ReportSpans& spans) {
  if (spans.console.empty()) return "<p class=\"soft\">The guest's kernel printed nothing.</p>\n";
  return "<pre tabindex=\"0\">" + html_text(spans.console) + "</pre>\n";
}

std::string head(const std::string& title) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{}'; "
      "style-src "
      "'{}'; "
      "base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light "
      "dark\">\n<title>{}</title>\n<style>{}</style>\n</head>\n",
      csp_hash(report_script()), csp_hash(report_style()), html_text(title), report_style());
}

constexpr char kContents[] =
    "<nav aria-label=\"Contents\"><a href=\"#verdicts\">Verdicts</a><a "
    "href=\"#incidents\">Incidents</a>"
    "<a href=\"#time\">Timeline</a><a href=\"#values\">Values</a><a href=\"#gates\">Gates</a>"
    "<a href=\"#freezes\">Freezes</a><a href=\"#schedulers\">Schedulers</a><a "
    "href=\"#layouts\">Layouts</a>"
    "<a href=\"#losses\">Losses</a><a href=\"#console\">Console</a></nav>\n";

}  // namespace

Result<std::string> report_html(const TapeReader& tape, const CheckedTape& checked,
                                const Verdicts& verdicts) {
  TapeValues values(tape);
  KTAPE_ASSIGN(RunFacts run, gather_run_facts(tape, &values));
  KTAPE_ASSIGN(ReportSpans spans, gather_report_spans(tape));
  KTAPE_ASSIGN(const ReportFreezes waiting, gather_report_freezes(tape, kMaxWaiting));
  const ReportDrawing drawing = report_drawing(run, spans);
  if (drawing.points_left_out > 0) spans.left_out["points of the charts"] = drawing.points_left_out;
  const std::string name = printable(checked.path.substr(checked.path.rfind('/') + 1));
  std::string html = head((run.scenario.empty() ? name : run.scenario) + " - ktape report");
  html += "<body>\n<header><h1>" + html_text(run.scenario.empty() ? "A tape" : run.scenario) +
          "</h1><p class=\"soft\">" + html_text(name) + "</p></header>\n<main>\n";
  html += summary(run, checked) + left_out(spans) + kContents;
  html += section("verdicts", "Verdicts", verdicts_table(verdicts));
  html += section("incidents", "Incidents", incidents_table(run, waiting));
  html += section("time", "Timeline", timeline() + steps_table(spans));
  html += section("values", "Values over time", entries_table(run, spans) + samples_table(spans));
  html += section("gates", "Gates", gates_table(run));
  html += section("freezes", "Freezes", freezes(spans, waiting));
  html +=
      section("schedulers", "Schedulers and workers", schedulers_table(run) + workers_table(run));
  html += section("layouts", "Layouts", layouts_table(run));
  html += section("losses", "Losses", losses_table(run));
  html += section("console", "Console", console(spans));
  html += "</main>\n<script type=\"application/json\" id=\"data\">" + html_json(drawing.json) +
          "</script>\n<script>";
  html += report_script();
  html += "</script>\n</body>\n</html>\n";
  return html;
}

Result<void> write_report_page(const std::string& tape, const AssertionOptions& assertions,
                               const std::string& out) {
  KTAPE_ASSIGN(OutputFile file, OutputFile::create(out));
  KTAPE_ASSIGN(CheckedTape checked, inspect_readable(tape));
  KTAPE_ASSIGN(AskedAssertions asked, find_asked_assertions(assertions));
  KTAPE_ASSIGN(auto reader, TapeReader::open(tape));
  KTAPE_ASSIGN(std::string html, report_html(*reader, checked, run_assertions(checked, asked)));
  KTAPE_TRY(file.write(html));
  return file.finish();
}

}  // namespace ktape
