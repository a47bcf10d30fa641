// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "replay/report/dump_tasks.h"
#include "replay/report/freeze_records.h"
#include "replay/report/worker_reads.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "replay/text/record_text.h"
#include "schema/base/text.h"
#include "schema/tape/facts/trigger_hits.h"
#include "schema/terms/scheduler_exit.h"

namespace ktape {

namespace {

constexpr size_t kMaxCpus = 8192;
constexpr size_t kMaxDetails = 64;  // of a freeze: a guest may have this many vCPUs

Result<const Freeze*> choose_freeze(const TapeIndex& index, const ReportOptions& options) {
  if (!options.freeze.empty()) return index.freeze_at(options.freeze);
  const Freeze* chosen = index.error_freeze();
  if (chosen == nullptr && !index.freezes().empty()) chosen = &index.freezes().back();
  return chosen;
}

// The kernel's message for each hit, or the recorder's for a freeze of another cause.
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
  const bool idle = vcpu.getKernelStateKnown() && vcpu.getCurrentPid() == 0;
  return {short_vcpu_text(vcpu), idle, trigger};
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
                          const Freeze& freeze, const FreezeRecords& records, ReportFreeze& to) {
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
  // What is damaged is refused; what is only missing leads to the next source.
  if (why.code == ErrorCode::kBadInput) return why;
  to.source_note = why.message;
  if (records.request.present() && records.reply.present()) {
    const auto hz = kernel.ok() ? kernel->facts().hz : 0;
    // 64: the CPUs in the one word of the mask that the recorder reads.
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
                                  const FreezeRecordSeqs& seqs) {
  const Freeze& freeze = *seqs.freeze;
  KTAPE_ASSIGN(const FreezeRecords records, read_freeze_records(tape, seqs));
  ReportFreeze facts;
  facts.freeze = freeze;
  facts.details = details_of(records.began.get());
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

// Entries that were not done, except those of the recorder's own requests in its own freezes: if a
// field of a worker cannot be read there, nothing went wrong.
Result<void> find_undone(const TapeReader& tape, const TapeIndex& index, ReportFacts& report) {
  std::set<uint64_t> own_ops;
  for (const Freeze& freeze : index.freezes()) {
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
      return freeze.waiting.incomplete ? "from recorded memory, incomplete"
                                       : "from recorded memory, all tasks";
    case WaitingSource::kReads: return "workers, as read in the freeze";
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
  std::vector<const Freeze*> order;
  for (const Freeze& freeze : index.freezes()) order.push_back(&freeze);
  // Freezes by a trigger or a user are the most telling, then those at intervals.
  const auto rank = [](const Freeze* freeze) {
    if (freeze->cause == schema::FreezeCause::REQUEST) return 2;
    return freeze->cause == schema::FreezeCause::PERIODIC ? 1 : 0;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const Freeze* one, const Freeze* other) { return rank(one) < rank(other); });
  if (order.size() > most) order.resize(most);
  KTAPE_ASSIGN(const auto all, find_freeze_records(tape, order));
  std::map<uint64_t, ReportFreeze> found;
  for (const FreezeRecordSeqs& seqs : all) {
    const uint64_t id = seqs.freeze->id;
    Result<ReportFreeze> facts = freeze_facts(tape, kernel, seqs);
    if (facts.ok()) {
      found.emplace(id, std::move(*facts));
    } else {
      found[id].source_note = facts.error().message;
    }
  }
  return found;
}

bool ReportFacts::good() const {
  return run.sealed && run.outcome.starts_with("completed") &&
         std::ranges::none_of(schedulers, &ReportScheduler::error) &&
         std::ranges::none_of(assertions, [](const ReportAssertion& assertion) {
           return assertion.result.kind == CheckResult::Kind::kViolated ||
                  assertion.result.kind == CheckResult::Kind::kXpass;
         });
}

Result<ReportFacts> gather_report(const ReportOptions& options) {
  KTAPE_ASSIGN(const AskedAssertions asked, find_asked_assertions(options.assertions));
  KTAPE_ASSIGN(const CheckedTape checked, inspect_readable(options.tape));
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(const Freeze* freeze, choose_freeze(index, options));
  ReportFacts report;
  report.tape = printable(std::filesystem::path(options.tape).filename().string());
  report.integrity = checked.integrity == "intact" ? checked.integrity
                                                   : checked.integrity + ": " + checked.finding;
  report.head = checked.head;
  report.losses = checked.losses;
  KTAPE_ASSIGN(report.run, gather_run_facts(*tape));
  const Result<Kernel> kernel = restore_kernel(*tape, index);
  // Without types a report has less; with damaged ones it would be wrong.
  if (!kernel.ok() && kernel.error().code == ErrorCode::kBadInput) return kernel.error();
  for (const SchedulerFacts& facts : report.run.schedulers)
    report.schedulers.push_back(scheduler_facts(facts, kernel));
  KTAPE_TRY(find_undone(*tape, index, report));
  if (freeze != nullptr) {
    KTAPE_ASSIGN(const auto seqs, find_freeze_records(*tape, {freeze}));
    KTAPE_ASSIGN(report.freeze, freeze_facts(*tape, kernel, seqs.front()));
  }
  for (const auto& [name, verdict] : run_assertions(checked, asked)) {
    if (verdict.result.kind == CheckResult::Kind::kNotAsked) continue;
    report.assertions.push_back({name, verdict.result, verdict.findings});
  }
  return report;
}

}  // namespace ktape
