// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/run_facts.h"

#include <fmt/format.h>
#include <kj/exception.h>

#include <algorithm>
#include <optional>

#include "replay/tape/freeze.h"
#include "replay/tape/run_delays.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"
#include "schema/tape/facts/ejections.h"
#include "schema/tape/facts/lockup_coverage.h"
#include "schema/target/target_path.h"
#include "schema/terms/scheduler_exit.h"
#include "schema/terms/tcg_fault.h"
#include "schema/wire/owned_message.h"
#include "schema/wire/value_number.h"

namespace ktape {

namespace {

constexpr size_t kEjectionsTold = 3;
constexpr size_t kMaxEntries = 200'000;  // an untrusted tape may have any number
constexpr size_t kMaxNamed = 20'000;     // layouts, steps, workers, schedulers, incidents
constexpr size_t kExactLimit = 64;       // longer values are compared by their digest

std::string first_line(std::string_view text) {
  while (text.starts_with('\n') || text.starts_with('\r')) text.remove_prefix(1);
  return shortened(printable(text.substr(0, text.find_first_of("\r\n"))));
}

// Without the text that people see.
ValueFacts value_facts(schema::Value::Reader value) {
  ValueFacts facts;
  if (value.isNone()) return facts;
  facts.present = true;
  if (auto number = number_of(value)) {
    facts.zero = *number == 0;
    facts.exact = std::to_string(*number);
    facts.number = number;
  } else if (value.isBytes()) {
    auto bytes = value.getBytes();
    facts.bytes = true;
    facts.zero = std::all_of(bytes.begin(), bytes.end(), [](kj::byte byte) { return byte == 0; });
    facts.exact = to_hex(as_bytes(chars(bytes)));
  } else if (value.isList()) {
    facts.zero = value.getList().size() == 0;
    for (auto item : value.getList()) {
      ValueFacts part = value_facts(item);
      facts.bytes = facts.bytes || part.bytes;
      facts.exact += "[" + part.exact + "]";
    }
  } else {
    facts.exact = shown_value(value);
  }
  // Long values are compared, not shown: a digest is as good and takes no memory.
  if (facts.exact.size() > kExactLimit) facts.exact = to_hex(sha256(as_bytes(facts.exact)));
  return facts;
}

// The word that names a value: "dsq_vtime" of "task 'a' scx.dsq_vtime", "id" of "scx.dsq->id".
std::string last_name(schema::Target::Reader target) {
  std::string name;
  if (target.isSymbol()) name = safe(target.getSymbol());
  bool parsed = target.getSteps().size() > 0 || target.getPath().size() == 0;
  auto steps = parsed ? read_steps(target) : parse_target_path(chars(target.getPath()));
  if (!steps.ok()) return name;
  for (const PathStep& step : *steps) {
    if (const auto* member = std::get_if<MemberStep>(&step)) name = printable(member->name);
  }
  return name;
}

// Steps are identified by name; the same index may be another step in another scenario. A step
// without a name has only its index.
std::string key_of_step(uint32_t index, const std::string& name) {
  return name.empty() ? "step " + std::to_string(index) : "'" + name + "'";
}

class Gatherer {
 public:
  explicit Gatherer(TapeValues* values) : values_(values) {}

  Result<void> visit(const RecordView& view);
  RunFacts finish() {
    note_ejections();
    facts_.hidden_lockups = lockups_.hidden_text();
    if (delays_.known())
      facts_.waits = fmt::format("in {} {}", duration_text(delays_.all().running_ns),
                                 waits_text(delays_.all()));
    return std::move(facts_);
  }

 private:
  void run_started(schema::RunStarted::Reader run);
  void kernel_identified(schema::KernelIdentified::Reader kernel);
  void clocksource_seen(schema::ClocksourceSeen::Reader seen, Seq seq);
  void scheduler_attached(schema::SchedulerAttached::Reader scheduler, Seq seq);
  void scheduler_attempted(schema::SchedulerAttempted::Reader attempted);
  void scheduler_exited(schema::SchedulerExited::Reader exited, Seq seq);
  void enable_failed(schema::SchedulerExited::Reader failed, Seq seq);
  void note_ejections();
  void worker_report(schema::WorkerReport::Reader report, Seq seq);
  void step_started(schema::StepStarted::Reader step, Seq seq);
  void step_finished(schema::StepFinished::Reader step, Seq seq);
  void requested(schema::OpRequested::Reader request, Seq seq);
  void replied(schema::OpReplied::Reader reply, Seq seq);
  void gate(schema::GateChecked::Reader gate);
  void freeze_began(schema::FreezeBegan::Reader began, Seq seq, HostNs at);
  void losses(capnp::List<schema::LossCounter>::Reader counters);
  void sealed(schema::Sealed::Reader sealed, Seq seq);
  void incident(std::string what, std::string first, Seq seq);
  [[nodiscard]] std::string step_name(uint32_t index) const;
  [[nodiscard]] bool too_many() const;

  RunFacts facts_;
  bool emulated_ = false;  // by TCG
  LockupCoverage lockups_;
  RunDelayFold delays_;
  // A request that was not replied to yet.
  struct Pending {
    size_t first = 0;  // of its entries in facts_
    OwnedMessage<schema::OpRequested> asked;
  };

  TapeValues* values_;
  std::map<uint64_t, Pending> pending_;           // by op
  std::map<uint32_t, size_t> steps_;              // their indexes in facts_
  std::map<std::string, uint32_t> seen_;          // step and tag: number so far
  std::map<std::string, std::string> written_;    // target: the last value written to it
  std::map<uint32_t, SchedulerFacts> attempted_;  // schedulers, by id
  std::map<uint32_t, std::string> names_;         // of schedulers, by id, as the kernel calls them
  Ejections ejections_;
};

std::string Gatherer::step_name(uint32_t index) const {
  auto it = steps_.find(index);
  return it == steps_.end() ? "" : facts_.steps[it->second].name;
}

bool Gatherer::too_many() const {
  return facts_.entries.size() > kMaxEntries || facts_.layouts.size() > kMaxNamed ||
         facts_.steps.size() > kMaxNamed || facts_.workers.size() > kMaxNamed ||
         facts_.schedulers.size() > kMaxNamed || attempted_.size() > kMaxNamed ||
         facts_.incidents.size() > kMaxNamed || facts_.losses.size() > kMaxNamed;
}

void Gatherer::run_started(schema::RunStarted::Reader run) {
  emulated_ = run.getAcceleratorUsed() == schema::Accelerator::TCG;
  facts_.scenario = safe(run.getScenario().getName());
  facts_.scenario_text = std::string(chars(run.getScenarioText()));
  facts_.kernel = safe(run.getKernelImage());
  facts_.image_digest = to_hex(as_bytes(chars(run.getKernelImageDigest())));
  facts_.machine =
      fmt::format("{}, {}, {}", count_text(run.getCpus(), "CPU"), bytes_text(run.getMemoryBytes()),
                  enum_words(run.getAcceleratorUsed()));
  facts_.kernel_command_line = safe(run.getKernelCommandLine());
  facts_.host = host_text(run.getHostProcessor());
  facts_.recorder = safe(run.getKtapeVersion());
  if (run.getWallClockNs() > 0) facts_.captured = wall_clock_text(run.getWallClockNs());
}

void Gatherer::kernel_identified(schema::KernelIdentified::Reader kernel) {
  facts_.kernel = safe(kernel.getRelease());
  facts_.slide = kernel.getKaslrSlide();
  facts_.phys_base = kernel.getPhysBase();
}

// A change is an incident, except for those of every boot.
void Gatherer::clocksource_seen(schema::ClocksourceSeen::Reader seen, Seq seq) {
  const std::string name = shortened(safe(seen.getName()));
  // Bounded: a guest may switch for ever.
  if (facts_.clock.size() < kShownBytes)
    facts_.clock += (facts_.clock.empty() ? "" : ", then ") + name;
  if (seen.getBefore().size() == 0 || is_of_the_boot(seen)) return;
  incident(
      "the guest's clocksource changed",
      fmt::format("from {} to {}", in_quotes(shortened(safe(seen.getBefore()))), in_quotes(name)),
      seq);
}

void Gatherer::scheduler_attached(schema::SchedulerAttached::Reader scheduler, Seq seq) {
  SchedulerFacts& facts = facts_.schedulers.emplace_back();
  facts.id = scheduler.getId();
  facts.name = safe(scheduler.getName());
  facts.declared = fmt::format("{} switch, vtime {}", enum_words(scheduler.getSwitchMode()),
                               enum_words(scheduler.getVtime()));
  facts.parent = scheduler.getParent();
  facts.cgroup = safe(scheduler.getCgroup());
  facts.seq = seq;
  names_[scheduler.getId()] = chars(scheduler.getName());
}

void Gatherer::scheduler_exited(schema::SchedulerExited::Reader exited, Seq seq) {
  // From the end: an id may be used again by a later scheduler.
  auto it = std::find_if(facts_.schedulers.rbegin(), facts_.schedulers.rend(),
                         [&](const SchedulerFacts& known) { return known.id == exited.getId(); });
  SchedulerFacts& facts = it != facts_.schedulers.rend() ? *it : facts_.schedulers.emplace_back();
  facts.id = exited.getId();
  facts.exited = true;
  facts.unfinished = exited.getUnfinished();
  facts.exit_kind = exited.getKind();
  facts.exit_code = exited.getExitCode();
  facts.exit_reason = shortened(safe(exited.getReason()));
  facts.exit_message = shortened(safe(exited.getMessage()));
  facts.seq = seq;
  if (const auto name = names_.find(exited.getId()); name != names_.end())
    ejections_.ended(name->second);
}

void Gatherer::scheduler_attempted(schema::SchedulerAttempted::Reader attempted) {
  SchedulerFacts& facts = attempted_[attempted.getId()];
  facts.name = safe(attempted.getName());
  names_[attempted.getId()] = chars(attempted.getName());
  facts.parent = attempted.getParent();
  facts.cgroup = safe(attempted.getCgroup());
}

void Gatherer::enable_failed(schema::SchedulerExited::Reader failed, Seq seq) {
  // With the name that its attempt told; an enable that failed was never attached.
  SchedulerFacts& facts = facts_.schedulers.emplace_back(attempted_[failed.getId()]);
  facts.id = failed.getId();
  facts.enabled = false;
  scheduler_exited(failed, seq);
}

void Gatherer::note_ejections() {
  for (SchedulerFacts& scheduler : facts_.schedulers) {
    // A scheduler with an exit has its reason there.
    const Ejections::Ejection* ejection =
        scheduler.exited ? nullptr : ejections_.of(names_[scheduler.id]);
    if (ejection == nullptr) continue;
    scheduler.ejecting = shortened(ejection->said);
    scheduler.seq = ejection->seq;
  }
}

void Gatherer::worker_report(schema::WorkerReport::Reader report, Seq seq) {
  WorkerFacts& worker = facts_.workers[safe(report.getName())];
  if (report.getEvent() == schema::WorkerEvent::EXITED) {
    worker.end = fmt::format("exited with {}", report.getStatus());
  } else if (report.getEvent() == schema::WorkerEvent::KILLED) {
    worker.end = fmt::format("killed by signal {}", report.getStatus());
  } else {
    return;
  }
  worker.seq = seq;
}

void Gatherer::step_started(schema::StepStarted::Reader started, Seq seq) {
  steps_[started.getStep()] = facts_.steps.size();
  StepFacts& step = facts_.steps.emplace_back();
  step.index = started.getStep();
  step.name = safe(started.getName());
  step.nth = seen_[step.key()]++;
  step.seq = seq;
}

void Gatherer::step_finished(schema::StepFinished::Reader finished, Seq seq) {
  auto it = steps_.find(finished.getStep());
  if (it == steps_.end()) return;
  StepFacts& step = facts_.steps[it->second];
  step.finished = true;
  step.ok = finished.getOk();
  step.detail = shortened(safe(finished.getDetail()));
  step.seq = seq;
}

void Gatherer::requested(schema::OpRequested::Reader request, Seq seq) {
  auto asked = request.getEntries();
  Pending& pending = pending_[request.getOp()];
  pending.first = facts_.entries.size();
  pending.asked.keep(request);
  const std::string step = step_name(request.getStep());
  // Only after the loop: a write of this request does not count as earlier for its own entries.
  std::vector<std::string> written;
  for (auto from : asked) {
    EntryFacts& entry = facts_.entries.emplace_back();
    entry.step = request.getStep();
    entry.step_name = step;
    entry.target = safe_target_text(from.getTarget());
    entry.tag = from.getTag().size() > 0 ? safe(from.getTag()) : entry.target;
    entry.nth = seen_[entry.step_key() + ":" + entry.tag]++;
    entry.path = safe(from.getTarget().getPath());
    entry.name = last_name(from.getTarget());
    entry.per_cpu = from.getTarget().isPerCpu();
    entry.write = from.isWrite();
    entry.interval = request.getInterval();
    entry.own = request.getGuestRequest() == 0;
    const auto earlier = written_.find(entry.target);
    entry.set_before = earlier != written_.end();
    if (entry.set_before) entry.set_to = earlier->second;
    entry.request = seq;
    if (entry.write) written.push_back(entry.target);
  }
  // No value yet: the reply tells what was written.
  for (std::string& target : written) written_.try_emplace(std::move(target));
}

void Gatherer::replied(schema::OpReplied::Reader reply, Seq seq) {
  auto it = pending_.find(reply.getOp());
  if (it == pending_.end()) return;
  const auto asked = it->second.asked.get().getEntries();
  auto got = reply.getEntries();
  for (unsigned i = 0; i < asked.size(); ++i) {
    EntryFacts& entry = facts_.entries[it->second.first + i];
    entry.reply = seq;
    entry.reason = shortened(safe(reply.getError()));
    if (i >= got.size()) continue;
    auto from = got[i];
    entry.status = from.getStatus();
    entry.as_expected = reply.getAsExpected();
    if (from.getReason().size() > 0) entry.reason = shortened(safe(from.getReason()));
    const auto facts = [&](schema::Value::Reader value) {
      ValueFacts known = value_facts(value);
      if (!known.present) return known;
      known.shown =
          shortened(values_ == nullptr ? shown_value(value)
                                       : values_->line(asked[i], value, reply.getFreeze()));
      return known;
    };
    entry.value = facts(from.getValue());
    entry.before = facts(from.getBefore());
    // The value read back, which is what is there now.
    if (entry.write && entry.status == schema::EntryStatus::DONE)
      written_[entry.target] = entry.value.exact;
    entry.type = safe(from.getType());
    entry.width_bytes = from.getWidthBytes();
    entry.address = from.getVirtualAddress();
  }
  pending_.erase(it);
}

void Gatherer::gate(schema::GateChecked::Reader gate) {
  auto it = pending_.find(gate.getOp());
  if (it == pending_.end() || gate.getEntry() >= it->second.asked.get().getEntries().size()) return;
  facts_.entries[it->second.first + gate.getEntry()].gates[gate.getGate()] = {
      gate.getOutcome(), gate.getEnforced(), shortened(safe(gate.getObserved()))};
}

void Gatherer::freeze_began(schema::FreezeBegan::Reader began, Seq seq, HostNs at) {
  if (began.getCause() != schema::FreezeCause::TRIGGER) return;
  ejections_.froze(seq, began);
  for (std::string& what : cause_incidents(freeze_of(began, seq, at)))
    incident(std::move(what), "", seq);
}

void Gatherer::losses(capnp::List<schema::LossCounter>::Reader counters) {
  for (auto loss : counters) {
    // Counters are totals, so the last record decides.
    if (loss.getCount() > 0) facts_.losses[safe(loss.getName())] = loss.getCount();
  }
}

// The seal of a salvaged tape reports what salvage left out, not what the recorder lost.
void Gatherer::sealed(schema::Sealed::Reader sealed, Seq seq) {
  facts_.sealed = true;
  facts_.outcome = enum_words(sealed.getOutcome());
  if (sealed.getExitCode() != -1)
    facts_.outcome += fmt::format(", exit code {}", sealed.getExitCode());
  facts_.outcome_detail = shortened(safe(sealed.getDetail()));
  facts_.outcome_seq = seq;
  facts_.losses_known = facts_.losses_known || sealed.getOutcome() != schema::Outcome::TRUNCATED;
  losses(sealed.getLosses());
}

void Gatherer::incident(std::string what, std::string first, Seq seq) {
  facts_.incidents.push_back({std::move(what), std::move(first), seq, ""});
}

Result<void> Gatherer::visit(const RecordView& view) {
  ++facts_.records;
  if (!view.known) return {};
  auto record = view.record;
  lockups_.visit(view);
  delays_.visit(view);
  switch (record.which()) {
    case schema::Record::RUN_STARTED: run_started(record.getRunStarted()); break;
    case schema::Record::KERNEL_IDENTIFIED: kernel_identified(record.getKernelIdentified()); break;
    case schema::Record::CLOCKSOURCE_SEEN:
      clocksource_seen(record.getClocksourceSeen(), view.seq);
      break;
    case schema::Record::LAYOUT_USED: {
      auto layout = record.getLayoutUsed();
      facts_.layouts[{safe(layout.getType()), safe(layout.getPath())}] = {
          layout.getOffsetBytes(), layout.getSizeBytes(), safe(layout.getEncoding()), view.seq};
      break;
    }
    case schema::Record::SCHEDULER_ATTACHED:
      scheduler_attached(record.getSchedulerAttached(), view.seq);
      break;
    case schema::Record::SCHEDULER_EXITED:
      scheduler_exited(record.getSchedulerExited(), view.seq);
      break;
    case schema::Record::SCHEDULER_ATTEMPTED:
      scheduler_attempted(record.getSchedulerAttempted());
      break;
    case schema::Record::SCHEDULER_ENABLE_FAILED:
      enable_failed(record.getSchedulerEnableFailed(), view.seq);
      break;
    case schema::Record::WORKER_STARTED: {
      auto worker = record.getWorkerStarted();
      facts_.workers[safe(worker.getName())] = {worker.getPid(), worker.getStartBoottimeNs(),
                                                enum_words(worker.getPolicy()), "", view.seq};
      break;
    }
    case schema::Record::WORKER_REPORT: worker_report(record.getWorkerReport(), view.seq); break;
    case schema::Record::STEP_STARTED: step_started(record.getStepStarted(), view.seq); break;
    case schema::Record::STEP_FINISHED: step_finished(record.getStepFinished(), view.seq); break;
    case schema::Record::OP_REQUESTED: requested(record.getOpRequested(), view.seq); break;
    case schema::Record::OP_REPLIED: replied(record.getOpReplied(), view.seq); break;
    case schema::Record::GATE_CHECKED: gate(record.getGateChecked()); break;
    case schema::Record::FREEZE_BEGAN:
      freeze_began(record.getFreezeBegan(), view.seq, HostNs(record.getHostNs()));
      break;
    case schema::Record::GUEST_PANICKED:
      incident("guest panicked", first_line(chars(record.getGuestPanicked().getText())), view.seq);
      break;
    case schema::Record::GUEST_OOPS:
      incident("the kernel complained: " + enum_words(record.getGuestOops().getKind()),
               first_line(chars(record.getGuestOops().getText())), view.seq);
      if (emulated_ && is_patching_fault(chars(record.getGuestOops().getText())))
        facts_.incidents.back().note = kPatchingFault;
      break;
    case schema::Record::WATCHDOG_FIRED:
      incident("the watchdog " + in_quotes(chars(record.getWatchdogFired().getName())) + " fired",
               first_line(chars(record.getWatchdogFired().getDetail())), view.seq);
      break;
    case schema::Record::LOST:
      facts_.losses_known = true;
      losses(record.getLost().getCounters());
      break;
    case schema::Record::SEALED: sealed(record.getSealed(), view.seq); break;
    default: break;
  }
  // After each record, so that an untrusted tape is given up in time.
  if (too_many()) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("record {}: more requests, layouts or names than can be compared",
                             view.seq.value),
                 ""};
  }
  return {};
}

}  // namespace

std::string SchedulerFacts::full_name() const {
  std::string more;
  if (parent != 0) more = fmt::format("child of scheduler {}", parent);
  if (!cgroup.empty()) more += (more.empty() ? "cgroup " : ", cgroup ") + cgroup;
  const std::string own = name.empty() ? fmt::format("scheduler {}", id) : name;
  return more.empty() ? own : fmt::format("{} ({})", own, more);
}

std::string SchedulerFacts::end_text() const {
  if (!exited) return ejecting.empty() ? "did not exit" : "was being ejected when the run ended";
  const std::string kind = exit_words(exit_kind, exit_code);
  if (!enabled) return "was not enabled, " + kind;
  return (unfinished ? "was exiting when the run ended, " : "exited, ") + kind;
}

std::string SchedulerFacts::ejection() const {
  if (!ejecting.empty()) return ejection_words(name, ejecting, "");
  return exited && is_error_exit(exit_kind) ? ejection_words(name, exit_reason, exit_message) : "";
}

std::vector<std::string> RunFacts::ejections() const {
  std::vector<std::string> texts;
  size_t more = 0;
  for (const SchedulerFacts& scheduler : schedulers) {
    const std::string text = scheduler.ejection();
    if (text.empty()) continue;
    if (texts.size() < kEjectionsTold) {
      texts.push_back(text);
    } else {
      ++more;
    }
  }
  if (more > 0) texts.push_back(fmt::format("and {} more", more));
  return texts;
}

std::string RunFacts::outcome_text() const {
  size_t ejected = 0;
  std::string first;
  for (const SchedulerFacts& scheduler : schedulers) {
    if (scheduler.ejection().empty()) continue;
    if (ejected++ == 0) first = ejection_words(scheduler.name, "", "");
  }
  if (ejected == 0) return outcome;
  return outcome + "; " +
         (ejected == 1 ? first : fmt::format("{} schedulers were ejected", ejected));
}

std::string EntryFacts::step_key() const { return key_of_step(step, step_name); }
std::string StepFacts::key() const { return key_of_step(index, name); }

Result<RunFacts> gather_run_facts(const TapeReader& tape, TapeValues* values) {
  Gatherer gatherer(values);
  KTAPE_TRY(
      tape.for_each([&](const RecordView& view) -> Result<void> { return gatherer.visit(view); }));
  return gatherer.finish();
}

}  // namespace ktape
