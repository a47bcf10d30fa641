// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replay/asked_fields.h"
#include "replay/check.h"
#include "replay/run_facts.h"

namespace ktape {

enum class DiffKind {
  kOutcome,  // how the run, a step, a worker or the scheduler ended; an incident
  kVerdict,  // what an assertion says
  kValue,    // what was read, or found after a write
  kReply,    // whether an entry was done
  kGate,     // whether a gate passed
  kLayout,   // offset, size or type of a field
  kMissing,  // there in one of the runs only
  kLoss,     // what the recorder lost
  kThisRun,  // what any two runs have different: never matters
};
inline constexpr DiffKind kDiffKinds[] = {DiffKind::kOutcome, DiffKind::kVerdict, DiffKind::kValue,
                                          DiffKind::kReply,   DiffKind::kGate,    DiffKind::kMissing,
                                          DiffKind::kLayout,  DiffKind::kLoss,    DiffKind::kThisRun};

// "value changed"
[[nodiscard]] std::string diff_kind_text(DiffKind kind);

struct Difference {
  DiffKind kind = DiffKind::kValue;
  std::string subject;  // "step 1 'back', vtime_after: task 'wanderer' scx.dsq_vtime"
  std::string a;        // what A has; "not there"
  std::string b;
  Seq seq_a;  // the record that says so; 0: none
  Seq seq_b;
  std::string hidden;  // why it does not matter; empty: it matters
};

// One of the two sides, as it is known before anything is compared.
struct DiffSide {
  std::string path;       // as given
  std::string integrity;  // "intact", "truncated: ..."
  std::string head;       // hex
  RunFacts run;
  std::optional<FieldNames> asked;              // nothing: the tape does not tell
  std::map<std::string, CheckResult> verdicts;  // by assertion
  std::map<std::string, std::string> evidence;  // of violated ones: the first finding
};

struct Diff {
  bool same_scenario = true;
  std::vector<Difference> differences;  // in the order of kDiffKinds; within a kind in the order of A

  [[nodiscard]] size_t mattering() const;
  [[nodiscard]] size_t hidden() const { return differences.size() - mattering(); }
};

// Holds two runs against each other: steps by name, entries by step, tag and turn, fields by type and
// path, everything else by name. Time plays no part.
//
// A difference that any two runs have (how_it_varies) does not matter, except where one side is 0 and
// the other is not, and where both runs wrote the value before: those say more than the passing of time.
// A layout that no request of either run asked for (asked_fields) does not matter: ktape used it for itself.
// A gate that was only observed, and looks at what the task did at that instant, does not matter either.
// Counts of losses matter where only one run lost anything of a kind. Kernel, machine and scenario are
// what is compared, not differences.
[[nodiscard]] Diff compare_runs(const DiffSide& a, const DiffSide& b);

}  // namespace ktape
