// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replay/tape/tape_values.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/reading/reader.h"

// What a tape says, gathered so that two tapes can be compared. Every text is safe to print. What
// only numbers the records (seq) and what is specific to this run (addresses, pids) is kept apart
// from what the run did.

namespace ktape {

// A value as it was read or stored.
struct ValueFacts {
  bool present = false;
  bool bytes = false;  // raw memory: a struct or an array of bytes
  bool zero = false;   // all bits are 0
  std::string shown;
  std::string exact;  // equal exactly if the values are; a number has the same text in every width
  std::optional<uint64_t> number;
};

struct GateFacts {
  schema::GateOutcome outcome = schema::GateOutcome::NOT_SAID;
  bool enforced = false;
  std::string observed;
};

// One entry of a request, and its outcome.
struct EntryFacts {
  uint32_t step = 0;
  std::string step_name;
  std::string tag;       // the target's text if the scenario gave none
  uint32_t nth = 0;      // among the entries in steps of this name with this tag; from 0
  std::string target;    // "task 'sleeper' scx.dsq_vtime"
  std::string path;      // of the target, as written in the scenario
  std::string name;      // the last member of its path, else its symbol: "dsq_vtime"
  bool per_cpu = false;  // the target is per CPU
  bool write = false;
  uint64_t interval = 0;    // number in a series by `every`, from 1; 0: none
  bool own = false;         // ktape's own read, at a freeze that no request caused
  bool set_before = false;  // an earlier entry of this run wrote to the same target
  std::string set_to;       // ValueFacts::exact of the last value written; empty if there was none
  schema::EntryStatus status = schema::EntryStatus::NOT_SAID;
  bool as_expected = false;  // it was refused as the scenario expected
  std::string reason;
  ValueFacts value;
  ValueFacts before;  // for writes
  std::string type;   // BTF's name; empty if unchecked
  uint32_t width_bytes = 0;
  uint64_t address = 0;
  std::map<schema::Gate, GateFacts> gates;
  Seq request;
  Seq reply;  // 0: there was none

  [[nodiscard]] std::string step_key() const;  // the step's name, else its index
};

struct StepFacts {
  uint32_t index = 0;
  std::string name;
  uint32_t nth = 0;  // among the steps of this name
  bool finished = false;
  bool ok = false;
  std::string detail;
  Seq seq;  // of its end, else of its beginning

  [[nodiscard]] std::string key() const;  // as EntryFacts::step_key
};

struct LayoutFacts {
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  std::string encoding;
  Seq seq;
};

struct SchedulerFacts {
  uint32_t id = 0;
  std::string name;
  std::string declared;  // switch mode and vtime semantics
  uint32_t parent = 0;   // for a sub-scheduler: its parent's id
  std::string cgroup;    // for a sub-scheduler
  bool enabled = true;   // false: it could not be enabled, and the exit says why
  bool exited = false;
  bool unfinished = false;  // the kernel had not finished the exit when the run ended
  uint64_t exit_kind = 0;
  int64_t exit_code = 0;
  std::string exit_reason;
  std::string exit_message;
  std::string ejecting;  // without an exit: the kernel's message when it was about to eject it
  Seq seq;               // of the exit or that message, else of the attachment

  // "qmap", "qmap (child of scheduler 1, cgroup /work)"
  [[nodiscard]] std::string full_name() const;
  // "did not exit", "exited, SCX_EXIT_UNREG (64)", "was not enabled, SCX_EXIT_ERROR (1024)",
  // without reason and message
  [[nodiscard]] std::string end_text() const;
  // As ejection_words(); empty: the kernel has not ejected it.
  [[nodiscard]] std::string ejection() const;
};

struct WorkerFacts {
  int32_t pid = 0;
  uint64_t start_boottime_ns = 0;
  std::string policy;
  std::string end;  // "exited with 0", "killed by signal 9"; empty: it was there to the end
  Seq seq;
};

// A panic, a kernel complaint, a watchdog, a freeze by a trigger: identified by what it is.
struct IncidentFacts {
  std::string what;   // "guest panicked", "freeze by trigger 'scx-error'"
  std::string first;  // first line of its text
  Seq seq;
  std::string note;  // what to know about it; empty for most
};

struct RunFacts {
  std::string scenario;
  std::string scenario_text;
  std::string kernel;        // uname -r, else the image as given
  std::string image_digest;  // hex
  std::string machine;       // "2 CPUs, 512 MiB, tcg"
  std::string kernel_command_line;
  std::string
      clock;         // the clocksources that its kernel used: "tsc, then hpet"; empty: not recorded
  std::string host;  // "2 CPUs of a host that is not a guest"; empty: not recorded
  // Times waited for a CPU of the host: "in 5.2 s CPU 0 1.2 ms (0.0 %), ..."; empty: not known.
  std::string waits;
  std::string hidden_lockups;  // LockupCoverage::hidden_text()
  std::string recorder;        // ktape's version
  std::string captured;        // UTC
  uint64_t records = 0;
  uint64_t slide = 0;
  uint64_t phys_base = 0;
  bool sealed = false;
  std::string outcome;  // with the agent's exit code
  std::string outcome_detail;
  Seq outcome_seq;
  bool losses_known = false;
  std::map<std::string, uint64_t> losses;  // counters above 0
  std::vector<StepFacts> steps;
  std::vector<EntryFacts> entries;
  std::map<std::pair<std::string, std::string>, LayoutFacts> layouts;  // by type and path
  std::vector<SchedulerFacts> schedulers;
  std::map<std::string, WorkerFacts> workers;
  std::vector<IncidentFacts> incidents;

  // The schedulers that the kernel ejected, as SchedulerFacts::ejection(); a few, and the number of
  // the others: "'qmap' was ejected: runtime error", "and 3 more".
  [[nodiscard]] std::vector<std::string> ejections() const;
  // "completed, exit code 0; 'qmap' was ejected", "...; 3 schedulers were ejected": a run may
  // complete without its scheduler.
  [[nodiscard]] std::string outcome_text() const;
};

// Reads a whole tape. Without `values` they are shown as numbers and bytes. kBadInput if it cannot
// be read, or has more entries than can be compared.
[[nodiscard]] Result<RunFacts> gather_run_facts(const TapeReader& tape,
                                                TapeValues* values = nullptr);

}  // namespace ktape
