// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "replay/report/dump_tasks.h"
#include "replay/report/worker_reads.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "replay/text/record_text.h"
#include "schema/base/text.h"
#include "schema/tape/facts/ejections.h"
#include "schema/tape/facts/scheduling_text.h"
#include "schema/tape/facts/trigger_hits.h"
#include "schema/terms/scheduler_exit.h"

namespace ktape {

namespace {

constexpr size_t kMaxCpus = 8192;
constexpr size_t kMaxDetails = 64;  // of a freeze: as many as vCPUs that a guest may have
constexpr uint8_t kUserLevel = 3;

// The records of a freeze, and of the exits, which come after it.
struct FreezeRecords {
  OwnedMessage<schema::FreezeBegan> began;
  OwnedMessage<schema::Frozen> frozen;
  OwnedMessage<schema::OpRequested> request;
  OwnedMessage<schema::OpReplied> reply;
  OwnedMessage<schema::SchedulerExited> exited;  // the first after the freeze
  std::set<uint32_t> other_class;  // entries of the request whose task is not in sched_ext
};

Result<FreezeRecords> records_of(const TapeReader& tape, const RecordedFreeze& freeze) {
  FreezeRecords kept;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (!view.known) return {};
    const auto record = view.record;
    if (record.isFreezeBegan() && view.seq == freeze.began)
      kept.began.keep(record.getFreezeBegan());
    if (record.isFrozen() && !kept.frozen.present() && record.getFrozen().getFreeze() == freeze.id)
      kept.frozen.keep(record.getFrozen());
    if (record.isOpRequested() && !kept.request.present() && freeze.op != 0 &&
        record.getOpRequested().getOp() == freeze.op)
      kept.request.keep(record.getOpRequested());
    if (record.isOpReplied() && !kept.reply.present() && freeze.op != 0 &&
        record.getOpReplied().getOp() == freeze.op)
      kept.reply.keep(record.getOpReplied());
    if (record.isGateChecked() && freeze.op != 0 && record.getGateChecked().getOp() == freeze.op) {
      const auto gate = record.getGateChecked();
      if (gate.getFreeze() != 0 && gate.getFreeze() != freeze.id) return {};  // of another try
      if (gate.getGate() == schema::Gate::SCHED_CLASS &&
          gate.getOutcome() == schema::GateOutcome::FAILED)
        kept.other_class.insert(gate.getEntry());
    }
    if (record.isSchedulerExited() && freeze.began < view.seq && !kept.exited.present())
      kept.exited.keep(record.getSchedulerExited());
    return {};
  }));
  return kept;
}

Result<const RecordedFreeze*> choose_freeze(const TapeIndex& index, const ReportOptions& options) {
  if (options.freeze) return index.freeze_at(fmt::format("freeze:{}", *options.freeze));
  const RecordedFreeze* chosen = nullptr;
  for (const RecordedFreeze& freeze : index.freezes()) {
    if (freeze.is_hit_of(kEjectionTrigger)) chosen = &freeze;
  }
  if (chosen == nullptr && !index.freezes().empty()) chosen = &index.freezes().back();
  return chosen;
}

std::string cause_of(const RecordedFreeze& freeze) {
  switch (freeze.cause) {
    case schema::FreezeCause::REQUEST: return fmt::format("for request {}", freeze.op);
    case schema::FreezeCause::TRIGGER: return "by " + freeze.triggers;
    default: return enum_words(freeze.cause);
  }
}

// What the kernel says of each hit, or what the recorder says of a freeze of another cause.
std::vector<std::string> details_of(schema::FreezeBegan::Reader began) {
  const std::vector<RecordedHit> hits = hits_of(began);
  std::vector<std::string> details;
  const auto add = [&](std::string_view detail) {
    if (!detail.empty() && details.size() < kMaxDetails) details.push_back(printable(detail));
  };
  if (hits.empty()) add(chars(began.getDetail()));
  for (const RecordedHit& hit : hits) add(hit.detail);
  return details;
}

ReportCpu cpu_facts(schema::VcpuState::Reader vcpu, bool trigger) {
  ReportCpu cpu;
  cpu.cpu = vcpu.getCpu();
  cpu.trigger = trigger;
  if (vcpu.getKnown()) {
    const bool named = vcpu.getSymbol().size() > 0;
    cpu.where =
        "at " + (named ? printable(chars(vcpu.getSymbol())) : fmt::format("{:#x}", vcpu.getRip()));
    if (!named && vcpu.getCpl() == kUserLevel) cpu.where = "in user space";
    if (!vcpu.getInterruptsEnabled()) cpu.state = "irqs off";
  }
  if (!vcpu.getKernelStateKnown()) return cpu;
  cpu.current =
      fmt::format("{}[{}]", printable(chars(vcpu.getCurrentComm())), vcpu.getCurrentPid());
  cpu.scheduling = scheduling_text(vcpu);
  cpu.idle = vcpu.getCurrentPid() == 0;
  const auto add = [&](const std::string& word) {
    cpu.state += (cpu.state.empty() ? "" : ", ") + word;
  };
  if (vcpu.getPreemptCount() != 0) add(fmt::format("preempt {:#x}", vcpu.getPreemptCount()));
  if (vcpu.getRunqueueLocked()) add("rq locked");
  return cpu;
}

// Workers on a runqueue that do not wait in sched_ext: they run, or are of another class.
std::set<int32_t> not_waiting(const FreezeRecords& records) {
  std::set<int32_t> pids;
  for (const auto vcpu : records.frozen.get().getVcpus()) pids.insert(vcpu.getCurrentPid());
  const auto entries = records.request.get().getEntries();
  for (const uint32_t entry : records.other_class) {
    if (entry < entries.size() && entries[entry].getTarget().isTask())
      pids.insert(entries[entry].getTarget().getTask().getPid());
  }
  return pids;
}

// From the best source that the tape has.
Result<void> find_waiting(const TapeReader& tape, const Result<Kernel>& kernel,
                          const RecordedFreeze& freeze, const FreezeRecords& records,
                          ReportFreeze& to) {
  Error why = kernel.ok() ? Error{} : kernel.error();
  if (kernel.ok()) {
    const auto memory = memory_at(tape, freeze);
    const auto found = memory.ok() ? find_waiting_tasks(*kernel, *memory) : memory.error();
    if (memory.ok()) KTAPE_TRY(memory->intact());
    if (found.ok()) {
      to.source = WaitingSource::kMemory;
      to.waiting = *found;
      return {};
    }
    why = found.error();
  }
  if (why.code == ErrorCode::kBadInput) return why;
  to.source_note = why.message;
  if (records.request.present() && records.reply.present()) {
    const auto hz = kernel.ok() ? kernel->facts().hz : 0;
    const auto cpus = kernel.ok() ? kernel->facts().cpus : 64;
    to.waiting = waiting_in_reads(records.request.get(), records.reply.get(), not_waiting(records),
                                  hz, cpus, kernel.ok() ? &kernel->btf() : nullptr);
    if (to.waiting.total > 0) {
      to.source = WaitingSource::kReads;
      return {};
    }
  }
  if (records.exited.present()) {
    to.waiting = waiting_in_dump(chars(records.exited.get().getDump()));
    if (to.waiting.total > 0) to.source = WaitingSource::kDump;
  }
  return {};
}

Result<ReportFreeze> freeze_facts(const TapeReader& tape, const Result<Kernel>& kernel,
                                  const RecordedFreeze& freeze) {
  KTAPE_ASSIGN(const FreezeRecords records, records_of(tape, freeze));
  ReportFreeze facts;
  facts.id = freeze.id;
  facts.began = freeze.began;
  facts.at = freeze.at;
  facts.cause = cause_of(freeze);
  facts.details = details_of(records.began.get());
  facts.step = printable(freeze.step);
  std::set<uint32_t> hit;
  for (const FreezeHit& one : freeze.hits) hit.insert(static_cast<uint32_t>(one.vcpu));
  for (const auto vcpu : records.frozen.get().getVcpus()) {
    if (facts.cpus.size() < kMaxCpus)
      facts.cpus.push_back(cpu_facts(vcpu, hit.contains(vcpu.getCpu())));
  }
  KTAPE_TRY(find_waiting(tape, kernel, freeze, records, facts));
  return facts;
}

ReportScheduler scheduler_facts(const SchedulerFacts& facts, const Result<Kernel>& kernel) {
  ReportScheduler scheduler{facts, "", !facts.ejecting.empty()};
  if (!facts.exited) return scheduler;
  scheduler.kind = exit_kind_words(facts.exit_kind);
  scheduler.error = is_error_exit(facts.exit_kind);
  if (kernel.ok()) {
    if (const auto name = kernel->btf().enumerator_name("scx_exit_kind", facts.exit_kind))
      scheduler.kind = fmt::format("{} ({})", printable(*name), facts.exit_kind);
  }
  if (const std::string code = exit_code_words(facts.exit_code); !code.empty())
    scheduler.kind += ", " + code;
  return scheduler;
}

// Entries that were not done, without what the recorder asked for itself in its own freezes: that a
// field of a worker cannot be read is nothing that went wrong.
Result<void> find_undone(const TapeReader& tape, const TapeIndex& index, ReportFacts& report) {
  std::set<uint64_t> own_ops;
  for (const RecordedFreeze& freeze : index.freezes()) {
    if (freeze.cause != schema::FreezeCause::REQUEST) own_ops.insert(freeze.op);
  }
  std::set<uint64_t> own_seqs;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (view.known && view.record.isOpRequested() &&
        own_ops.contains(view.record.getOpRequested().getOp()))
      own_seqs.insert(view.seq.value);
    return {};
  }));
  for (const EntryFacts& entry : report.run.entries) {
    if (entry.status == schema::EntryStatus::DONE || entry.as_expected ||
        own_seqs.contains(entry.request.value))
      continue;
    if (report.undone.size() < ReportFacts::kMaxUndone) report.undone.push_back(entry);
    ++report.undone_total;
  }
  return {};
}

}  // namespace

std::string waiting_source_text(const ReportFreeze& freeze) {
  switch (freeze.source) {
    case WaitingSource::kMemory:
      return freeze.waiting.incomplete ? "from recorded memory, which is not complete"
                                       : "from recorded memory, all tasks";
    case WaitingSource::kReads: return "workers, as read then";
    case WaitingSource::kDump: return "from the kernel's dump";
    case WaitingSource::kNone: break;
  }
  return "not known";
}

bool is_named(const ReportFreeze& freeze, const WaitingTask& task) {
  return std::ranges::any_of(freeze.details, [&](const std::string& detail) {
    return detail.find(task.name()) != std::string::npos;
  });
}

Result<std::map<uint64_t, ReportFreeze>> gather_report_freezes(const TapeReader& tape,
                                                               size_t most) {
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(tape));
  const Result<Kernel> kernel = restore_kernel(tape, index);
  std::vector<const RecordedFreeze*> order;
  for (const RecordedFreeze& freeze : index.freezes()) order.push_back(&freeze);
  // What a trigger or a user caused says most, then intervals.
  const auto rank = [](const RecordedFreeze* freeze) {
    if (freeze->cause == schema::FreezeCause::REQUEST) return 2;
    return freeze->cause == schema::FreezeCause::PERIODIC ? 1 : 0;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const RecordedFreeze* one, const RecordedFreeze* other) {
                     return rank(one) < rank(other);
                   });
  if (order.size() > most) order.resize(most);
  std::map<uint64_t, ReportFreeze> found;
  for (const RecordedFreeze* freeze : order) {
    Result<ReportFreeze> facts = freeze_facts(tape, kernel, *freeze);
    if (facts.ok()) {
      found.emplace(freeze->id, std::move(*facts));
    } else {
      found[freeze->id].source_note = facts.error().message;
    }
  }
  return found;
}

bool ReportFacts::good() const {
  return run.sealed && run.outcome.starts_with("completed") &&
         std::ranges::none_of(schedulers, &ReportScheduler::error) &&
         std::ranges::none_of(assertions, [](const ReportAssertion& assertion) {
           return assertion.result.kind == CheckResult::Kind::kViolated;
         });
}

Result<ReportFacts> gather_report(const ReportOptions& options) {
  KTAPE_ASSIGN(const AskedAssertions assertions, find_asked_assertions(options.assertions));
  KTAPE_ASSIGN(const CheckedTape checked, inspect_readable(options.tape));
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(const RecordedFreeze* freeze, choose_freeze(index, options));
  ReportFacts report;
  report.tape = printable(std::filesystem::path(options.tape).filename().string());
  report.integrity = checked.integrity == "intact" ? checked.integrity
                                                   : checked.integrity + ": " + checked.finding;
  report.head = checked.head;
  report.losses = checked.losses;
  KTAPE_ASSIGN(report.run, gather_run_facts(*tape));
  const Result<Kernel> kernel = restore_kernel(*tape, index);
  if (!kernel.ok() && kernel.error().code == ErrorCode::kBadInput) return kernel.error();
  for (const SchedulerFacts& facts : report.run.schedulers)
    report.schedulers.push_back(scheduler_facts(facts, kernel));
  KTAPE_TRY(find_undone(*tape, index, report));
  if (freeze != nullptr) {
    KTAPE_ASSIGN(report.freeze, freeze_facts(*tape, kernel, *freeze));
  }
  for (const auto& [name, verdict] : assert_on_tape(checked, assertions)) {
    if (verdict.result.kind == CheckResult::Kind::kNotAsked) continue;
    report.assertions.push_back({name, verdict.result, verdict.findings});
  }
  return report;
}

}  // namespace ktape
