// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/survey/waiting_tasks.h"
#include "replay/check/verdicts.h"
#include "replay/tape/freeze.h"
#include "replay/tape/run_facts.h"
#include "replay/text/vcpu_text.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/reading/reader.h"

// What a report says about a tape, gathered once for all its forms. Every text is safe to print.

namespace ktape {

struct ReportOptions {
  std::string tape;
  std::string freeze;  // "2", "last" or "error"; empty: see ReportFacts::freeze
  AssertionOptions assertions;
};

struct ReportCpu {
  VcpuText text;         // short_vcpu_text()
  bool idle = false;     // it ran its idle task
  bool trigger = false;  // it had hit a trigger that the machine was frozen for
};

enum class WaitingSource {
  kNone,    // the tape does not say who waited
  kMemory,  // recorded memory: all tasks
  kReads,   // what the recorder read of each worker: workers only
  kDump,    // the kernel's debug dump of the scheduler's exit
};

// A freeze that a report covers.
struct ReportFreeze {
  Freeze freeze;
  std::vector<std::string> details;  // the kernel's message for each hit; may be empty
  std::vector<ReportCpu> cpus;
  WaitingSource source = WaitingSource::kNone;
  std::string source_note;  // why there is no better source; may be empty
  WaitingTasks waiting;
};

struct ReportScheduler {
  SchedulerFacts facts;
  std::string kind;  // of its exit: "SCX_EXIT_ERROR_STALL (1026)"; empty: it did not exit
  bool error = false;
};

struct ReportAssertion {
  std::string name;
  CheckResult result;
  std::vector<std::string> findings;
};

struct ReportFacts {
  static constexpr size_t kMaxUndone = 1000;

  std::string tape;       // the name of its file
  std::string integrity;  // "intact"; else with the finding: "unsealed: ..."
  std::string head;       // head digest in hex
  std::string losses;     // LossTally::text()
  RunFacts run;
  std::vector<ReportScheduler> schedulers;
  // Entries of the scenario's requests that were not done; kMaxUndone at most.
  std::vector<EntryFacts> undone;
  size_t undone_total = 0;
  std::vector<ReportAssertion> assertions;  // by name; without those that were not asked
  // The last freeze on a scheduler's error, else the last freeze; nothing if there was none.
  std::optional<ReportFreeze> freeze;

  // Whether the run was good: completed, no scheduler error, no assertion violated.
  [[nodiscard]] bool good() const;
};

// "from recorded memory, all tasks".
[[nodiscard]] std::string waiting_source_text(const ReportFreeze& freeze);

// Whether the kernel's message about the freeze names the task.
[[nodiscard]] bool is_named(const ReportFreeze& freeze, const WaitingTask& task);

// By id, `most` freezes at most: first those that a trigger or a user caused, then those at
// intervals. If the memory of one cannot be used, who waited is not known, and its note says why.
// kBadInput if the tape cannot be read.
[[nodiscard]] Result<std::map<uint64_t, ReportFreeze>> gather_report_freezes(const TapeReader& tape,
                                                                             size_t most);

// Verifies the tape, judges it and reads it. kBadInput if it is altered or cannot be read;
// kNotApplicable if it has no such freeze.
[[nodiscard]] Result<ReportFacts> gather_report(const ReportOptions& options);

}  // namespace ktape
