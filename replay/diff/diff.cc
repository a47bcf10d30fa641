// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "replay/diff/diff_entries.h"
#include "replay/diff/diff_rows.h"
#include "replay/tape/volatile_value.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"

namespace ktape {

namespace {

std::string layout_text(const LayoutFacts& layout) {
  return fmt::format("+{}, {}, {}", layout.offset_bytes, count_text(layout.size_bytes, "byte"),
                     layout.encoding);
}

std::string verdict_text(const CheckResult& result, const std::string& evidence) {
  switch (result.kind) {
    case CheckResult::Kind::kPassed: return "passes";
    case CheckResult::Kind::kViolated: return with_reason("is violated", evidence);
    case CheckResult::Kind::kXfail: return with_reason("fails as expected", result.reason);
    case CheckResult::Kind::kXpass: return "passes, but is expected to fail";
    case CheckResult::Kind::kInconclusive:
      return result.reason.starts_with("inconclusive")
                 ? "is " + result.reason
                 : with_reason("is inconclusive", result.reason);
    case CheckResult::Kind::kNotAsked: return with_reason("was not asked", result.reason);
    case CheckResult::Kind::kError: return with_reason("could not be judged", result.reason);
  }
  return "";
}

// A lock that was held when the machine stopped says nothing about the kernel.
bool is_chance(const std::string& assertion, const DiffRow<CheckResult>& row) {
  const auto chance = [](const CheckResult* result) {
    return result->kind == CheckResult::Kind::kPassed ||
           result->kind == CheckResult::Kind::kInconclusive;
  };
  return assertion == "freeze-consistent" && std::ranges::all_of(row.a, chance) &&
         std::ranges::all_of(row.b, chance);
}

// A text that is equal to another if only numbers in them differ: "failed to run for 30.012s".
Seen seen_but_numbers(std::string text, Seq seq) {
  std::string key = without_numbers(text);
  return Seen{std::move(text), std::move(key), std::nullopt, seq};
}

Seen seen_as_it_is(const std::string& text, Seq seq) { return Seen{text, text, std::nullopt, seq}; }

class Comparison {
 public:
  Comparison(const DiffSide& a, const DiffSide& b) : a_(a), b_(b), differences_(a, b) {}
  Diff run();

 private:
  void outcomes();
  void steps();
  void schedulers();
  void scheduler(const DiffRow<SchedulerFacts>& row);
  void workers();
  void incidents();
  void verdicts();
  [[nodiscard]] bool is_asked(const FieldName& field) const;
  void layouts();
  void losses();
  void of_this_run();

  const DiffSide& a_;
  const DiffSide& b_;
  std::set<std::string> moved_;  // paths of fields whose layout changed
  Differences differences_;
};

void Comparison::outcomes() {
  const auto of_side = [](const DiffSide& side) {
    RepeatColumn column;
    for (const DiffTape& tape : side.tapes) {
      const RunFacts& run = tape.run;
      column.push_back(run.sealed ? seen_but_numbers(with_reason(run.outcome, run.outcome_detail),
                                                     run.outcome_seq)
                                  : seen_as_it_is("the tape was never sealed", Seq(0)));
      // The exit code counts.
      if (run.sealed) column.back().key = run.outcome + without_numbers(run.outcome_detail);
    }
    return column;
  };
  differences_.add(DiffKind::kOutcome, "the run", of_side(a_), of_side(b_));
}

void Comparison::steps() {
  const auto key = [](const StepFacts& step) { return std::pair(step.key(), step.nth); };
  const auto seen = [](const StepFacts& step) {
    if (!step.finished) return seen_as_it_is("never ended", step.seq);
    return seen_but_numbers(step.ok ? "done" : with_reason("failed", step.detail), step.seq);
  };
  for (const auto& [_, row] : align_lists(a_, b_, &RunFacts::steps, key)) {
    const StepFacts& any = row.any();
    std::string subject = fmt::format("step {}", any.index);
    if (!any.name.empty()) subject += fmt::format(" '{}'", any.name);
    differences_.add(DiffKind::kOutcome, subject, column_of(row.a, seen), column_of(row.b, seen));
  }
}

void Comparison::scheduler(const DiffRow<SchedulerFacts>& row) {
  const SchedulerFacts& any = row.any();
  const std::string subject = fmt::format("scheduler {} ({})", any.id, any.name);
  const auto declared = [](const SchedulerFacts& of) {
    return seen_as_it_is(of.name + ", " + of.declared, of.seq);
  };
  const auto end = [](const SchedulerFacts& of) {
    const std::string reason = of.exited ? of.exit_reason : without_numbers(of.ejecting);
    return Seen{with_reason(with_reason(of.end_text(), of.exited ? of.exit_reason : of.ejecting),
                            of.exit_message),
                of.end_text() + reason + without_numbers(of.exit_message), std::nullopt, of.seq};
  };
  // A scheduler that only some runs attached is reported once, by how it ended.
  const DiffRow<SchedulerFacts> there = row.present();
  if (row.on_both_sides())
    differences_.add(DiffKind::kOutcome, subject, column_of(there.a, declared),
                     column_of(there.b, declared));
  differences_.add(DiffKind::kOutcome, subject, column_of(row.a, end), column_of(row.b, end));
  const auto message = [](const SchedulerFacts& of) {
    return seen_as_it_is(of.exit_message, of.seq);
  };
  const auto same = [&](const auto& seen) {
    return row.complete() &&
           change_between(column_of(row.a, seen), column_of(row.b, seen)) == Change::kSame;
  };
  if (same(end) && !same(message)) {
    differences_.add(DiffKind::kThisRun, subject + ", its message", column_of(row.a, message),
                     column_of(row.b, message), Aside::may_vary("only numbers in it differ"));
  }
}

void Comparison::schedulers() {
  const auto key = [](const SchedulerFacts& scheduler) { return scheduler.id; };
  for (const auto& [_, row] : align_lists(a_, b_, &RunFacts::schedulers, key)) scheduler(row);
}

void Comparison::workers() {
  const auto rows = align_maps<std::string, WorkerFacts>(
      a_, b_, [](const DiffTape& tape) -> const auto& { return tape.run.workers; });
  const auto seen = [](const WorkerFacts& worker) {
    return seen_as_it_is(fmt::format("policy {}, {}", worker.policy,
                                     worker.end.empty() ? "still there at the end" : worker.end),
                         worker.seq);
  };
  for (const auto& [name, row] : rows) {
    differences_.add(DiffKind::kOutcome, fmt::format("worker '{}'", name), column_of(row.a, seen),
                     column_of(row.b, seen));
  }
}

void Comparison::incidents() {
  using Key = std::pair<std::string, size_t>;
  const auto rows =
      align_rows<IncidentFacts, Key>(a_, b_, [](const DiffTape& tape, const auto& visit) {
        std::map<std::string, size_t> turns;
        for (const IncidentFacts& incident : tape.run.incidents) {
          // Addresses and pids differ between runs, so numbers are not part of the key.
          const std::string what = incident.what + without_numbers(incident.first);
          visit(Key(what, turns[what]++), incident);
        }
      });
  const auto seen = [](const IncidentFacts& incident) {
    // The same key everywhere: only whether it happened is compared.
    return Seen{incident.first.empty() ? "it happened" : incident.first, "", std::nullopt,
                incident.seq};
  };
  for (const auto& [_, row] : rows)
    differences_.add(DiffKind::kMissing, row.any().what, column_of(row.a, seen),
                     column_of(row.b, seen));
}

void Comparison::verdicts() {
  const auto rows = align_maps<std::string, CheckResult>(
      a_, b_, [](const DiffTape& tape) -> const auto& { return tape.verdicts; });
  for (const auto& [name, row] : rows) {
    if (!row.complete()) continue;
    const auto of_side = [&name = name](const DiffSide& side) {
      RepeatColumn column;
      for (const DiffTape& tape : side.tapes) {
        const CheckResult& result = tape.verdicts.at(name);
        const auto evidence = tape.evidence.find(name);
        column.push_back(
            {verdict_text(result, evidence == tape.evidence.end() ? "" : evidence->second),
             std::to_string(static_cast<int>(result.kind)), std::nullopt, Seq(0)});
      }
      return column;
    };
    differences_.add(
        DiffKind::kVerdict, name, of_side(a_), of_side(b_),
        is_chance(name, row) ? Aside::may_vary("where a freeze lands is arbitrary") : Aside{});
  }
}

// If no tape says what was asked for, everything may have been.
bool Comparison::is_asked(const FieldName& field) const {
  bool given = false;
  for (const DiffSide* side : {&a_, &b_}) {
    for (const DiffTape& tape : side->tapes) {
      given = given || tape.asked;
      if (tape.asked && tape.asked->contains(field)) return true;
    }
  }
  return !given;
}

// Repeats have one kernel, so each layout of a side comes from the first tape that used it.
void Comparison::layouts() {
  const RunFacts& run_a = a_.run();
  const RunFacts& run_b = b_.run();
  // The same image has the same layouts: one that is missing was only not used.
  const bool same_image = run_a.image_digest == run_b.image_digest && !run_a.image_digest.empty();
  const auto rows = align_maps<FieldName, LayoutFacts>(
      a_, b_, [](const DiffTape& tape) -> const auto& { return tape.run.layouts; });
  const auto seen = [](const LayoutFacts& layout) {
    return seen_as_it_is(layout_text(layout), layout.seq);
  };
  for (const auto& [key, row] : rows) {
    const std::string subject = key.first + " " + key.second;
    const DiffRow<LayoutFacts> there = row.present();
    const bool asked = is_asked(key);
    const Aside own = asked ? Aside{} : Aside::hide(HiddenClass::kOwnLayout);
    if (!row.on_both_sides()) {
      differences_.add(DiffKind::kMissing, "layout of " + subject, column_of(row.a, seen),
                       column_of(row.b, seen),
                       same_image ? Aside::hide(HiddenClass::kUnusedLayout) : own);
      continue;
    }
    RepeatColumn a = column_of(there.a, seen);
    RepeatColumn b = column_of(there.b, seen);
    // The entries that lead through it would report the same change again.
    if (asked && change_between(a, b) != Change::kSame) moved_.insert(key.second);
    differences_.add(DiffKind::kLayout, subject, std::move(a), std::move(b), own);
  }
}

void Comparison::losses() {
  const auto known = [](const DiffSide& side) {
    RepeatColumn column;
    for (const DiffTape& tape : side.tapes)
      column.push_back(seen_as_it_is(tape.run.losses_known ? "known" : "not known", Seq(0)));
    return column;
  };
  differences_.add(DiffKind::kLoss, "what the recorder lost", known(a_), known(b_));
  std::set<std::string> names;
  for (const DiffSide* side : {&a_, &b_}) {
    for (const DiffTape& tape : side->tapes) {
      for (const auto& [name, count] : tape.run.losses) names.insert(name);
    }
  }
  for (const std::string& name : names) {
    const auto of_side = [&](const DiffSide& side, bool whether) {
      RepeatColumn column;
      for (const DiffTape& tape : side.tapes) {
        const auto it = tape.run.losses.find(name);
        const uint64_t count = it == tape.run.losses.end() ? 0 : it->second;
        const std::string text = std::to_string(count);
        column.push_back(
            {text, whether ? (count > 0 ? "some" : "none") : text, std::nullopt, Seq(0)});
      }
      return column;
    };
    // Whether anything was lost comes first; if that is the same, the numbers are compared.
    const bool both = change_between(of_side(a_, true), of_side(b_, true)) == Change::kSame;
    differences_.add(DiffKind::kLoss, name, of_side(a_, !both), of_side(b_, !both),
                     both ? Aside::may_vary("both lost some") : Aside{});
  }
}

// Facts of the runs are not compared between repeats: the next repeats would have others again.
void Comparison::of_this_run() {
  if (differences_.repeated()) return;
  const auto add = [&](const std::string& subject, const std::string& a, const std::string& b,
                       HiddenClass why) {
    differences_.add(DiffKind::kThisRun, subject, {seen_as_it_is(a, Seq(0))},
                     {seen_as_it_is(b, Seq(0))}, Aside::hide(why));
  };
  const RunFacts& a = a_.run();
  const RunFacts& b = b_.run();
  const auto hex = [](uint64_t value) { return fmt::format("{:#x}", value); };
  add("captured", a.captured, b.captured, HiddenClass::kOfTheRun);
  add("records", std::to_string(a.records), std::to_string(b.records), HiddenClass::kOfTheRun);
  add("KASLR slide", hex(a.slide), hex(b.slide), HiddenClass::kAddress);
  add("phys_base", hex(a.phys_base), hex(b.phys_base), HiddenClass::kAddress);
  for (const auto& [name, in_a] : a.workers) {
    const auto other = b.workers.find(name);
    if (other == b.workers.end()) continue;
    const WorkerFacts& in_b = other->second;
    const std::string worker = fmt::format("worker '{}', ", name);
    add(worker + "pid", std::to_string(in_a.pid), std::to_string(in_b.pid),
        HiddenClass::kProcessId);
    add(worker + "start_boottime", std::to_string(in_a.start_boottime_ns),
        std::to_string(in_b.start_boottime_ns), HiddenClass::kOfTheRun);
  }
}

Diff Comparison::run() {
  outcomes();
  steps();
  schedulers();
  workers();
  incidents();
  verdicts();
  layouts();
  compare_entries(a_, b_, moved_, differences_);
  losses();
  of_this_run();
  Diff diff;
  diff.same_scenario =
      a_.run().scenario == b_.run().scenario && a_.run().scenario_text == b_.run().scenario_text;
  diff.repeated = differences_.repeated();
  diff.differences = differences_.take();
  const auto rank = [](const Difference& difference) {
    return std::ranges::find(kDiffKinds, difference.kind) - std::begin(kDiffKinds);
  };
  std::ranges::stable_sort(diff.differences, {}, rank);
  return diff;
}

std::string_view hidden_noun(HiddenClass of) {
  switch (of) {
    case HiddenClass::kNone: break;
    case HiddenClass::kAddress: return "address";
    case HiddenClass::kProcessId: return "process id";
    case HiddenClass::kOfTheRun: return "fact of the run itself";
    case HiddenClass::kOwnRead: return "value that ktape read on its own";
    case HiddenClass::kOwnLayout: return "layout that ktape used internally";
    case HiddenClass::kUnusedLayout: return "layout that one run did not use";
    case HiddenClass::kSameGate: return "gate with the same outcome";
    case HiddenClass::kMomentaryGate: return "gate only observed";
  }
  return "";
}

}  // namespace

std::string diff_kind_text(DiffKind kind) {
  switch (kind) {
    case DiffKind::kOutcome: return "outcome changed";
    case DiffKind::kVerdict: return "verdict changed";
    case DiffKind::kValue: return "value changed";
    case DiffKind::kReply: return "reply changed";
    case DiffKind::kGate: return "gate changed";
    case DiffKind::kLayout: return "layout changed";
    case DiffKind::kMissing: return "missing in one";
    case DiffKind::kLoss: return "loss changed";
    case DiffKind::kThisRun: return "different in any two runs";
  }
  return "";
}

std::string hidden_count_text(HiddenClass of, size_t count) {
  const std::string noun(hidden_noun(of));
  // The noun ends where its qualifier begins.
  const size_t end = std::min(
      {noun.find(" that"), noun.find(" of"), noun.find(" with"), noun.find(" only"), noun.size()});
  const std::string plural =
      noun.substr(0, end) + (of == HiddenClass::kAddress ? "es" : "s") + noun.substr(end);
  return count_text(count, noun, plural);
}

size_t Diff::count(Weight weight) const {
  return static_cast<size_t>(std::ranges::count(differences, weight, &Difference::weight));
}

Diff compare_runs(const DiffSide& a, const DiffSide& b) { return Comparison(a, b).run(); }

}  // namespace ktape
