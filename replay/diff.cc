// SPDX-License-Identifier: Apache-2.0
#include "replay/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "replay/page.h"
#include "replay/record_text.h"
#include "replay/volatile_value.h"

namespace ktape {

namespace {

constexpr char kNotThere[] = "not there";

// Puts the parts of two lists that have the same key beside each other: those of A in A's order, then
// those that only B has.
template <typename Item, typename KeyOf, typename Both>
void align(const std::vector<Item>& a, const std::vector<Item>& b, const KeyOf& key_of, const Both& both) {
  std::map<decltype(key_of(a.front())), const Item*> of_b;
  for (const Item& item : b) of_b.emplace(key_of(item), &item);
  std::set<decltype(key_of(a.front()))> done;
  for (const Item& item : a) {
    auto key = key_of(item);
    if (!done.insert(key).second) continue;
    auto it = of_b.find(key);
    both(&item, it == of_b.end() ? nullptr : it->second);
  }
  for (const Item& item : b) {
    if (done.insert(key_of(item)).second) both(nullptr, &item);
  }
}

// The same of two maps, in the order of their keys.
template <typename Map, typename Both>
void align_maps(const Map& a, const Map& b, const Both& both) {
  std::set<typename Map::key_type> keys;
  for (const auto& [key, value] : a) keys.insert(key);
  for (const auto& [key, value] : b) keys.insert(key);
  for (const auto& key : keys) {
    auto in_a = a.find(key);
    auto in_b = b.find(key);
    both(key, in_a == a.end() ? nullptr : &in_a->second, in_b == b.end() ? nullptr : &in_b->second);
  }
}

// "failed: why it did"
std::string with_reason(std::string text, const std::string& reason) {
  return reason.empty() ? text : std::move(text) + ": " + reason;
}

std::string entry_subject(const EntryFacts& entry) {
  std::string text = fmt::format("step {} ", entry.step);
  if (!entry.step_name.empty()) text += fmt::format("'{}', ", entry.step_name);
  text += entry.tag;
  if (entry.nth > 0) text += fmt::format(" (no. {})", entry.nth + 1);
  return entry.tag == entry.target ? text : text + ": " + entry.target;
}

std::string layout_text(const LayoutFacts& layout) {
  return fmt::format("+{}, {}, {}", layout.offset_bytes, count_text(layout.size_bytes, "byte"),
                     layout.encoding);
}

std::string verdict_text(const CheckResult& result, const std::string& evidence) {
  switch (result.kind) {
    case CheckResult::Kind::kPassed: return "passes";
    case CheckResult::Kind::kViolated: return with_reason("is violated", evidence);
    case CheckResult::Kind::kInconclusive:
      return result.reason.starts_with("inconclusive") ? "is " + result.reason
                                                       : with_reason("is inconclusive", result.reason);
    case CheckResult::Kind::kNotAsked: return with_reason("was not asked", result.reason);
    case CheckResult::Kind::kError: return with_reason("could not be judged", result.reason);
  }
  return "";
}

std::string gate_text(const GateFacts* gate) {
  return gate == nullptr ? "not recorded" : with_reason(enum_words(gate->outcome), gate->observed);
}

// Whether a lock was held when the machine stopped says nothing of the kernel.
bool is_chance(const std::string& assertion, const CheckResult& a, const CheckResult& b) {
  auto chance = [](const CheckResult& result) {
    return result.kind == CheckResult::Kind::kPassed || result.kind == CheckResult::Kind::kInconclusive;
  };
  return assertion == "freeze-consistent" && chance(a) && chance(b);
}

bool is_momentary(schema::Gate gate) {
  switch (gate) {
    case schema::Gate::OFF_RUNQUEUE:
    case schema::Gate::NOT_QUEUED:
    case schema::Gate::SETTLED:
    case schema::Gate::NO_DISPATCH:
    case schema::Gate::UNLOCKED: return true;
    default: return false;
  }
}

class Comparison {
 public:
  Comparison(const DiffSide& a, const DiffSide& b) : a_(a), b_(b) {}
  Diff run();

 private:
  using Entry = EntryFacts;

  void add(DiffKind kind, std::string subject, std::string a, std::string b, Seq seq_a, Seq seq_b,
           std::string hidden = "");
  void outcomes();
  void steps();
  void schedulers();
  void scheduler(const SchedulerFacts* a, const SchedulerFacts* b);
  void workers();
  void incidents();
  void verdicts();
  void entries();
  void entry(const Entry& a, const Entry& b);
  void values(const Entry& a, const Entry& b, const ValueFacts& in_a, const ValueFacts& in_b,
              const std::string& what, bool set);
  void gates(const Entry& a, const Entry& b);
  [[nodiscard]] bool is_asked(const std::pair<std::string, std::string>& field) const;
  void layouts();
  void losses();
  void of_this_run();

  const DiffSide& a_;
  const DiffSide& b_;
  std::set<std::string> moved_;  // paths of fields whose layout changed
  std::string aside_;            // why what is compared now does not matter; empty: it does
  Diff diff_;
};

void Comparison::add(DiffKind kind, std::string subject, std::string a, std::string b, Seq seq_a, Seq seq_b,
                     std::string hidden) {
  if (hidden.empty()) hidden = aside_;
  diff_.differences.push_back(
      {kind, std::move(subject), std::move(a), std::move(b), seq_a, seq_b, std::move(hidden)});
}

void Comparison::outcomes() {
  auto text = [](const RunFacts& run) {
    return run.sealed ? with_reason(run.outcome, run.outcome_detail)
                      : std::string("the tape was never sealed");
  };
  const RunFacts& a = a_.run;
  const RunFacts& b = b_.run;
  if (a.sealed != b.sealed || a.outcome != b.outcome ||
      without_numbers(a.outcome_detail) != without_numbers(b.outcome_detail)) {
    add(DiffKind::kOutcome, "the run", text(a), text(b), a.outcome_seq, b.outcome_seq);
  }
}

void Comparison::steps() {
  auto text = [](const StepFacts& step) {
    if (!step.finished) return std::string("never ended");
    return step.ok ? std::string("done") : with_reason("failed", step.detail);
  };
  auto key = [](const StepFacts& step) { return std::pair(step.key(), step.nth); };
  align(a_.run.steps, b_.run.steps, key, [&](const StepFacts* a, const StepFacts* b) {
    const StepFacts& any = a != nullptr ? *a : *b;
    std::string subject = fmt::format("step {}", any.index);
    if (!any.name.empty()) subject += fmt::format(" '{}'", any.name);
    if (a == nullptr || b == nullptr) {
      add(DiffKind::kMissing, subject, a != nullptr ? text(*a) : kNotThere,
          b != nullptr ? text(*b) : kNotThere, a != nullptr ? a->seq : Seq(0),
          b != nullptr ? b->seq : Seq(0));
    } else if (without_numbers(text(*a)) != without_numbers(text(*b))) {
      add(DiffKind::kOutcome, subject, text(*a), text(*b), a->seq, b->seq);
    }
  });
}

void Comparison::scheduler(const SchedulerFacts* a, const SchedulerFacts* b) {
  const SchedulerFacts& any = a != nullptr ? *a : *b;
  const std::string subject = fmt::format("scheduler {} ({})", any.id, any.name);
  auto end = [](const SchedulerFacts& of) {
    if (!of.exited) return std::string("did not exit");
    std::string text = fmt::format("exited, kind {}", of.exit_kind);
    return with_reason(with_reason(text, of.exit_reason), of.exit_message);
  };
  if (a == nullptr || b == nullptr) {
    add(DiffKind::kMissing, subject, a != nullptr ? end(*a) : kNotThere, b != nullptr ? end(*b) : kNotThere,
        a != nullptr ? a->seq : Seq(0), b != nullptr ? b->seq : Seq(0));
    return;
  }
  if (a->name != b->name || a->declared != b->declared) {
    add(DiffKind::kOutcome, subject, a->name + ", " + a->declared, b->name + ", " + b->declared, a->seq,
        b->seq);
  }
  bool same_end = a->exited == b->exited && a->exit_kind == b->exit_kind && a->exit_reason == b->exit_reason;
  if (!same_end || without_numbers(a->exit_message) != without_numbers(b->exit_message)) {
    add(DiffKind::kOutcome, subject, end(*a), end(*b), a->seq, b->seq);
  } else if (a->exit_message != b->exit_message) {
    add(DiffKind::kThisRun, subject + ", its message", a->exit_message, b->exit_message, a->seq, b->seq,
        "only numbers in it differ");
  }
}

void Comparison::schedulers() {
  auto key = [](const SchedulerFacts& scheduler) { return scheduler.id; };
  align(a_.run.schedulers, b_.run.schedulers, key,
        [&](const SchedulerFacts* a, const SchedulerFacts* b) { scheduler(a, b); });
}

void Comparison::workers() {
  align_maps(a_.run.workers, b_.run.workers,
             [&](const std::string& name, const WorkerFacts* a, const WorkerFacts* b) {
               auto text = [](const WorkerFacts* worker) {
                 if (worker == nullptr) return std::string(kNotThere);
                 return fmt::format("policy {}, {}", worker->policy,
                                    worker->end.empty() ? "there to the end" : worker->end);
               };
               if (text(a) == text(b)) return;
               bool missing = a == nullptr || b == nullptr;
               add(missing ? DiffKind::kMissing : DiffKind::kOutcome, fmt::format("worker '{}'", name),
                   text(a), text(b), a != nullptr ? a->seq : Seq(0), b != nullptr ? b->seq : Seq(0));
             });
}

void Comparison::incidents() {
  std::map<std::string, size_t> turn_a;
  std::map<std::string, size_t> turn_b;
  auto numbered = [](const std::vector<IncidentFacts>& from, std::map<std::string, size_t>& turn) {
    std::vector<std::pair<std::string, const IncidentFacts*>> out;
    for (const IncidentFacts& incident : from) {
      std::string key = incident.what + without_numbers(incident.first);
      size_t nth = turn[key]++;
      out.emplace_back(key + "#" + std::to_string(nth), &incident);
    }
    return out;
  };
  using Numbered = std::pair<std::string, const IncidentFacts*>;
  align(
      numbered(a_.run.incidents, turn_a), numbered(b_.run.incidents, turn_b),
      [](const Numbered& item) { return item.first; },
      [&](const Numbered* a, const Numbered* b) {
        if (a != nullptr && b != nullptr) return;
        const IncidentFacts& only = a != nullptr ? *a->second : *b->second;
        std::string text = only.first.empty() ? "it happened" : only.first;
        add(DiffKind::kMissing, only.what, a != nullptr ? text : kNotThere, b != nullptr ? text : kNotThere,
            a != nullptr ? only.seq : Seq(0), b != nullptr ? only.seq : Seq(0));
      });
}

void Comparison::verdicts() {
  align_maps(a_.verdicts, b_.verdicts,
             [&](const std::string& name, const CheckResult* a, const CheckResult* b) {
               if (a == nullptr || b == nullptr || a->kind == b->kind) return;
               auto evidence = [&](const DiffSide& side) {
                 auto it = side.evidence.find(name);
                 return it == side.evidence.end() ? std::string() : it->second;
               };
               add(DiffKind::kVerdict, name, verdict_text(*a, evidence(a_)), verdict_text(*b, evidence(b_)),
                   Seq(0), Seq(0), is_chance(name, *a, *b) ? "what a freeze falls into is chance" : "");
             });
}

void Comparison::values(const Entry& a, const Entry& b, const ValueFacts& in_a, const ValueFacts& in_b,
                        const std::string& what, bool set) {
  if (in_a.present == in_b.present && in_a.exact == in_b.exact) return;
  bool bytes = in_a.bytes || in_b.bytes;
  Variation variation = how_it_varies({a.name, a.type, bytes, a.per_cpu});
  if (variation.why.empty()) variation = how_it_varies({b.name, b.type, bytes, b.per_cpu});
  bool telling = set || in_a.present != in_b.present || (variation.zero_tells && in_a.zero != in_b.zero);
  auto text = [](const ValueFacts& value) { return value.present ? value.shown : std::string("no value"); };
  add(DiffKind::kValue, entry_subject(a) + what, text(in_a), text(in_b), a.reply, b.reply,
      telling ? "" : variation.why);
}

void Comparison::gates(const Entry& a, const Entry& b) {
  align_maps(a.gates, b.gates, [&](schema::Gate gate, const GateFacts* in_a, const GateFacts* in_b) {
    if (gate_text(in_a) == gate_text(in_b)) return;
    std::string hidden;
    if (in_a != nullptr && in_b != nullptr) {
      if (in_a->outcome == in_b->outcome) {
        hidden = "its outcome is the same";
      } else if (is_momentary(gate) && !in_a->enforced && !in_b->enforced) {
        hidden = "only observed: what the task did at that instant";
      }
    }
    std::string subject =
        fmt::format("{}, gate {} ({})", entry_subject(a), static_cast<unsigned>(gate), enum_words(gate));
    add(DiffKind::kGate, subject, gate_text(in_a), gate_text(in_b), a.request, b.request, hidden);
  });
}

void Comparison::entry(const Entry& a, const Entry& b) {
  auto status = [](const Entry& of) {
    if (of.reply.value == 0) return std::string("not answered");
    return with_reason(enum_words(of.status), of.reason);
  };
  if (a.target != b.target || a.write != b.write) {
    auto text = [](const Entry& of) { return (of.write ? "write " : "read ") + of.target; };
    add(DiffKind::kReply, entry_subject(a), text(a), text(b), a.request, b.request);
  }
  if (a.status != b.status || without_numbers(status(a)) != without_numbers(status(b))) {
    add(DiffKind::kReply, entry_subject(a), status(a), status(b), a.reply, b.reply);
  } else {
    values(a, b, a.value, b.value, "", (a.set_before && b.set_before) || a.write);
    values(a, b, a.before, b.before, ", what stood there", a.set_before && b.set_before);
  }
  if ((a.type != b.type || a.width_bytes != b.width_bytes) && a.status == b.status &&
      !moved_.contains(a.path)) {
    auto text = [](const Entry& of) {
      return fmt::format("{}, {}", count_text(of.width_bytes, "byte"),
                         of.type.empty() ? "unchecked" : of.type);
    };
    add(DiffKind::kLayout, entry_subject(a), text(a), text(b), a.reply, b.reply);
  }
  gates(a, b);
  if (a.address != b.address) {
    add(DiffKind::kThisRun, entry_subject(a) + ", where it is", fmt::format("{:#x}", a.address),
        fmt::format("{:#x}", b.address), a.reply, b.reply, "an address");
  }
}

void Comparison::entries() {
  auto key = [](const Entry& entry) { return std::tuple(entry.step_key(), entry.tag, entry.nth); };
  align(a_.run.entries, b_.run.entries, key, [&](const Entry* a, const Entry* b) {
    const Entry& only = a != nullptr ? *a : *b;
    // The moment of such a freeze is chance, and the objects that it looks at are where this run has them.
    aside_ = only.own ? "ktape asked for it by itself" : "";
    if (a != nullptr && b != nullptr) return entry(*a, *b);
    std::string text =
        only.value.present ? only.value.shown : with_reason(enum_words(only.status), only.reason);
    add(DiffKind::kMissing, entry_subject(only), a != nullptr ? text : kNotThere,
        b != nullptr ? text : kNotThere, a != nullptr ? only.request : Seq(0),
        b != nullptr ? only.request : Seq(0));
  });
  aside_.clear();
}

// Where neither tape tells what was asked, everything may have been.
bool Comparison::is_asked(const std::pair<std::string, std::string>& field) const {
  if (!a_.asked && !b_.asked) return true;
  return (a_.asked && a_.asked->contains(field)) || (b_.asked && b_.asked->contains(field));
}

void Comparison::layouts() {
  bool same_image = a_.run.image_digest == b_.run.image_digest && !a_.run.image_digest.empty();
  align_maps(
      a_.run.layouts, b_.run.layouts, [&](const auto& key, const LayoutFacts* a, const LayoutFacts* b) {
        const std::string subject = key.first + " " + key.second;
        auto text = [](const LayoutFacts* layout) {
          return layout != nullptr ? layout_text(*layout) : kNotThere;
        };
        if (text(a) == text(b)) return;
        const std::string own = is_asked(key) ? "" : "no request asks for it: ktape used it for itself";
        if (a == nullptr || b == nullptr) {
          add(DiffKind::kMissing, "layout of " + subject, text(a), text(b), a != nullptr ? a->seq : Seq(0),
              b != nullptr ? b->seq : Seq(0),
              same_image ? "the kernel is the same: one run did not use the field" : own);
          return;
        }
        if (own.empty()) moved_.insert(key.second);
        add(DiffKind::kLayout, subject, text(a), text(b), a->seq, b->seq, own);
      });
}

void Comparison::losses() {
  if (a_.run.losses_known != b_.run.losses_known) {
    auto text = [](const RunFacts& run) { return run.losses_known ? "told" : "not known"; };
    add(DiffKind::kLoss, "what the recorder lost", text(a_.run), text(b_.run), Seq(0), Seq(0));
  }
  align_maps(a_.run.losses, b_.run.losses,
             [&](const std::string& name, const uint64_t* a, const uint64_t* b) {
               uint64_t in_a = a != nullptr ? *a : 0;
               uint64_t in_b = b != nullptr ? *b : 0;
               if (in_a == in_b) return;
               add(DiffKind::kLoss, name, std::to_string(in_a), std::to_string(in_b), Seq(0), Seq(0),
                   in_a != 0 && in_b != 0 ? "both runs lost some" : "");
             });
}

void Comparison::of_this_run() {
  auto add_if = [&](const std::string& subject, const std::string& a, const std::string& b, const char* why) {
    if (a != b) add(DiffKind::kThisRun, subject, a, b, Seq(0), Seq(0), why);
  };
  auto hex = [](uint64_t value) { return fmt::format("{:#x}", value); };
  add_if("captured", a_.run.captured, b_.run.captured, "a time");
  add_if("records", std::to_string(a_.run.records), std::to_string(b_.run.records), "a count of events");
  add_if("KASLR slide", hex(a_.run.slide), hex(b_.run.slide), "an address");
  add_if("phys_base", hex(a_.run.phys_base), hex(b_.run.phys_base), "an address");
  align_maps(a_.run.workers, b_.run.workers,
             [&](const std::string& name, const WorkerFacts* a, const WorkerFacts* b) {
               if (a == nullptr || b == nullptr) return;
               const std::string worker = fmt::format("worker '{}', ", name);
               add_if(worker + "pid", std::to_string(a->pid), std::to_string(b->pid), "a process id");
               add_if(worker + "start_boottime", std::to_string(a->start_boottime_ns),
                      std::to_string(b->start_boottime_ns), "a time");
             });
}

Diff Comparison::run() {
  diff_.same_scenario = a_.run.scenario == b_.run.scenario && a_.run.scenario_text == b_.run.scenario_text;
  outcomes();
  steps();
  schedulers();
  workers();
  incidents();
  verdicts();
  layouts();
  entries();
  losses();
  of_this_run();
  auto rank = [](const Difference& difference) {
    return std::ranges::find(kDiffKinds, difference.kind) - std::begin(kDiffKinds);
  };
  std::ranges::stable_sort(diff_.differences, {}, rank);
  return std::move(diff_);
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

size_t Diff::mattering() const {
  return static_cast<size_t>(
      std::ranges::count_if(differences, [](const Difference& one) { return one.hidden.empty(); }));
}

Diff compare_runs(const DiffSide& a, const DiffSide& b) { return Comparison(a, b).run(); }

}  // namespace ktape
