// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/scx_survey.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "guest/kernel/sched/scx_exit_info.h"
#include "guest/kernel/types/sizes.h"
#include "guest/kernel/types/survey_types.h"

namespace ktape {

namespace {

constexpr uint64_t kMaxVariableBytes = 4096;
// kernel/sched/ext.c: SCX_EXIT_BT_LEN, SCX_EXIT_MSG_LEN; the dump's default is 32 KiB.
constexpr uint64_t kMaxBacktrace = 64;
constexpr uint64_t kMaxMessageBytes = 1024;
constexpr uint64_t kMaxPathBytes = 4096;  // PATH_MAX
constexpr uint64_t kMaxDumpBytes = ScxExitInfoReader::kMaxDumpBytes;

// Link addresses between two symbols; empty if the kernel lacks either.
struct Range {
  uint64_t start = 0;
  uint64_t end = 0;

  [[nodiscard]] bool has(uint64_t address) const { return address >= start && address < end; }
};

Range range_of(const SymbolTable& table, std::string_view start, std::string_view end) {
  return {table.find(start).value_or(0), table.find(end).value_or(0)};
}

}  // namespace

ScxSurvey::ScxSurvey(const Kernel& kernel, const DsqSurvey& queues) : queues_(queues) {
  const Btf& btf = kernel.btf();
  constexpr std::string_view kSched = "struct scx_sched";
  constexpr std::string_view kInfo = "struct scx_exit_info";
  scheduler_bytes_ = size_of(btf, kSched);
  all_ = offset_of(btf, kSched, "all");
  dsq_hash_ = offset_of(btf, kSched, "dsq_hash");
  cgroup_path_ = offset_of(btf, kSched, "cgrp_path");
  info_ = offset_of(btf, kSched, "exit_info");
  global_queues_ = {offset_of(btf, kSched, "global_dsqs"), size_of(btf, "struct scx_dispatch_q"),
                    0};
  nodes_ = {offset_of(btf, kSched, "pnode"), size_of(btf, "struct scx_sched_pnode"),
            offset_of(btf, "struct scx_sched_pnode", "global_dsq")};
  per_cpu_ = {
      {offset_of(btf, kSched, "pcpu"), size_of(btf, "struct scx_sched_pcpu"),
       offset_of(btf, "struct scx_sched_pcpu", "bypass_dsq")},
      {offset_of(btf, kSched, "event_stats_cpu"), size_of(btf, "struct scx_event_stats"), {}}};
  info_bytes_ = size_of(btf, kInfo);
  reason_ = offset_of(btf, kInfo, "reason");
  backtrace_ = offset_of(btf, kInfo, "bt");
  backtrace_length_ = offset_of(btf, kInfo, "bt_len");
  message_ = offset_of(btf, kInfo, "msg");
  dump_ = offset_of(btf, kInfo, "dump");
  find_variables(kernel);
}

// Symbol types do not distinguish data from text in every image, but addresses do. Init sections
// are skipped: after boot the kernel has reused that memory or, with page-table isolation, unmapped
// it (free_initmem). They include the templates from which each CPU's instances were copied.
void ScxSurvey::find_variables(const Kernel& kernel) {
  const SymbolTable& table = kernel.knowledge().symbols;
  const Range data = range_of(table, "_sdata", "_end");
  const Range freed = range_of(table, "__init_begin", "__init_end");
  const Range per_cpu = range_of(table, "__per_cpu_start", "__per_cpu_end");
  const std::vector<SymbolTable::Symbol>& symbols = table.symbols();
  // A variable's size is not in the symbol table: it ends where the next symbol begins. The last
  // symbol has no next.
  for (size_t i = 0; i + 1 < symbols.size(); ++i) {
    const std::string& name = symbols[i].name;
    const uint64_t address = symbols[i].address;
    if (!name.starts_with("scx_") && !name.starts_with("__scx_")) continue;
    // At least a pointer, for symbols at one address; at most a page, for a gap at the end of a
    // section.
    const uint64_t bytes =
        std::max(std::min(symbols[i + 1].address - address, kMaxVariableBytes), kPointerBytes);
    if (per_cpu.has(address)) {
      per_cpu_variables_.push_back({name, bytes});
    } else if (data.has(address) && !freed.has(address)) {
      variables_.push_back({address, bytes});
    }
  }
}

void ScxSurvey::schedulers(MemorySurvey& survey, TaskSurvey::Seen& seen) const {
  // Whatever the kernel's version: what it lacks is not found, and nothing is recorded.
  variables(survey);
  variables_of_old(survey, seen);
  if (scheduler_bytes_ == 0) return;
  // The root is in the list of all schedulers, too, on kernels that have one.
  std::unordered_set<uint64_t> done;
  if (const auto root = survey.symbol("scx_root")) {
    const auto found = survey.pointer(*root);
    if (found && done.insert(found->value).second) scheduler(survey, *found, seen);
  }
  const auto all = survey.symbol("scx_sched_all");
  if (!all || !all_) return;
  survey.list(*all, [&](GuestVirtual link) {
    const GuestVirtual found(link.value - *all_);
    if (done.insert(found.value).second) scheduler(survey, found, seen);
    return true;
  });
}

void ScxSurvey::variables(MemorySurvey& survey) const {
  const uint64_t slide = survey.kernel().facts().slide;
  for (const Variable& variable : variables_) {
    survey.keep(GuestVirtual(variable.link_address + slide), variable.bytes);
  }
  const Kernel& kernel = survey.kernel();
  for (const PerCpuVariable& variable : per_cpu_variables_) {
    for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
      const auto at = kernel.per_cpu(survey.memory(), variable.name, CpuId(cpu));
      if (at.ok()) survey.keep(*at, variable.bytes);
    }
  }
}

void ScxSurvey::variables_of_old(MemorySurvey& survey, TaskSurvey::Seen& seen) const {
  if (const auto table = survey.symbol("dsq_hash")) queues_.table(survey, *table, seen);
  // An array of pointers to DSQs, one per node (kernel/sched/ext.c, find_global_dsq()).
  if (const auto array = survey.symbol("global_dsqs")) {
    if (const auto first = survey.pointer(*array)) queues_.node_array(survey, *first, 0, seen);
  }
  if (const auto info = survey.symbol("scx_exit_info")) {
    if (const auto found = survey.pointer(*info)) exit_info(survey, *found);
  }
}

void ScxSurvey::scheduler(MemorySurvey& survey, GuestVirtual scheduler,
                          TaskSurvey::Seen& seen) const {
  if (!survey.keep(scheduler, scheduler_bytes_)) return;
  if (dsq_hash_) queues_.table(survey, scheduler + *dsq_hash_, seen);
  for (const Part& part : {global_queues_, nodes_}) {
    if (!part.offset || !part.queue_offset) continue;
    const auto array = survey.pointer(scheduler + *part.offset);
    if (array) queues_.node_array(survey, *array, *part.queue_offset, seen);
  }
  for (const Part& part : per_cpu_) per_cpu_part(survey, scheduler, part, seen);
  if (cgroup_path_) {
    if (const auto path = survey.pointer(scheduler + *cgroup_path_))
      survey.keep_text(*path, kMaxPathBytes);
  }
  if (info_) {
    if (const auto info = survey.pointer(scheduler + *info_)) exit_info(survey, *info);
  }
}

void ScxSurvey::per_cpu_part(MemorySurvey& survey, GuestVirtual scheduler, const Part& part,
                             TaskSurvey::Seen& seen) const {
  if (!part.offset) return;
  const auto pointer = survey.pointer(scheduler + *part.offset);
  if (!pointer) return;
  const Kernel& kernel = survey.kernel();
  for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
    const Result<GuestVirtual> at =
        kernel.per_cpu_pointer(survey.memory(), pointer->value, CpuId(cpu));
    if (!at.ok() || !survey.keep(*at, part.bytes)) continue;
    if (part.queue_offset) queues_.queue(survey, *at + *part.queue_offset, seen);
  }
}

void ScxSurvey::exit_info(MemorySurvey& survey, GuestVirtual info) const {
  if (!survey.keep(info, info_bytes_)) return;
  // Reason, message and dump are allocated separately, so their pointers are followed.
  auto text = [&](const std::optional<uint64_t>& offset, uint64_t limit) {
    if (!offset) return;
    if (const auto at = survey.pointer(info + *offset)) survey.keep_text(*at, limit);
  };
  text(reason_, kMaxMessageBytes);
  text(message_, kMaxMessageBytes);
  text(dump_, kMaxDumpBytes);
  if (!backtrace_ || !backtrace_length_) return;
  const auto length = survey.number(info + *backtrace_length_, sizeof(uint32_t));
  const auto backtrace = survey.pointer(info + *backtrace_);
  // The kernel never writes more than SCX_EXIT_BT_LEN addresses.
  if (length && *length > kMaxBacktrace) survey.lose();
  if (length && backtrace)
    survey.keep(*backtrace, std::min(*length, kMaxBacktrace) * kPointerBytes);
}

}  // namespace ktape
