// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replay/check/check.h"
#include "replay/diff/asked_fields.h"
#include "replay/diff/repeats.h"
#include "replay/tape/run_facts.h"

namespace ktape {

enum class DiffKind {
  kOutcome,  // how the run, a step, a worker or the scheduler ended; an incident
  kVerdict,  // an assertion's verdict
  kValue,    // a value that was read, or found before or after a write
  kReply,    // whether an entry was done
  kGate,     // whether a gate passed
  kLayout,   // offset, size or type of a field
  kMissing,  // in one of the runs only
  kLoss,     // what the recorder lost
  kThisRun,  // different in any two runs: never matters
};
inline constexpr DiffKind kDiffKinds[] = {
    DiffKind::kOutcome, DiffKind::kVerdict, DiffKind::kValue, DiffKind::kReply,  DiffKind::kGate,
    DiffKind::kMissing, DiffKind::kLayout,  DiffKind::kLoss,  DiffKind::kThisRun};

// "value changed"
[[nodiscard]] std::string diff_kind_text(DiffKind kind);

enum class Weight {
  kMatters,
  kMayVary,  // shown, but any two runs may have it: no value that was read is hidden silently
  kHidden,   // counted by its class, and shown if all is asked for
};

// Why a difference is hidden.
enum class HiddenClass {
  kNone,
  kAddress,
  kProcessId,
  kOfTheRun,       // when it was captured, the number of its records
  kOwnRead,        // ktape read it on its own; where such a freeze lands is arbitrary
  kOwnLayout,      // of a field that no request asks for
  kUnusedLayout,   // of a field that one of two runs of the same kernel did not use
  kSameGate,       // what a gate observed, if its outcome is the same
  kMomentaryGate,  // of a gate that was only observed, and looks at what the task did at that
                   // instant
};

// "12 addresses"
[[nodiscard]] std::string hidden_count_text(HiddenClass of, size_t count);

struct Difference {
  DiffKind kind = DiffKind::kValue;
  std::string subject;  // "step 1 'back', vtime_after: task 'wanderer' scx.dsq_vtime"
  std::string a;        // A's value; "not there"; with repeats "655462..661200"
  std::string b;
  Seq seq_a;  // the record with the value; 0: none, or there are repeats
  Seq seq_b;
  Weight weight = Weight::kMatters;
  HiddenClass hidden = HiddenClass::kNone;
  std::string why;  // it does not matter: "a time", "same within repeats (n=3)"; empty: it matters
  RepeatColumn repeats_a;  // if there are repeats: each tape's value
  RepeatColumn repeats_b;
};

// A tape before the comparison.
struct DiffTape {
  std::string path;       // as given; for a tape in a folder, its file name
  std::string integrity;  // "intact", "truncated: ..."
  std::string head;       // hex
  RunFacts run;
  std::optional<FieldNames> asked;              // nothing: the tape does not say
  std::map<std::string, CheckResult> verdicts;  // by assertion
  std::map<std::string, std::string> evidence;  // of violated ones: the first finding
};

// One of the two sides: a tape, or the repeats of a run. Never empty.
struct DiffSide {
  std::string path;  // as given
  std::vector<DiffTape> tapes;

  [[nodiscard]] const RunFacts& run() const { return tapes.front().run; }
};

struct Diff {
  bool same_scenario = true;
  bool repeated = false;  // at least one side has several tapes
  // In the order of kDiffKinds; within a kind in the order of A.
  std::vector<Difference> differences;

  [[nodiscard]] size_t count(Weight weight) const;
  [[nodiscard]] size_t mattering() const { return count(Weight::kMatters); }
};

// Compares two sides: steps by name, entries by step, tag and occurrence, fields by type and path,
// everything else by name; never by time.
//
// With repeats on a side, their variation decides what matters: see change_between(). What a CPU or
// a task did at an instant matters only if there are enough repeats to rule out chance. Between
// single tapes, a value of a kind that differs between any two runs (how_it_varies) may vary.
// Exceptions are a value that is 0 on one side only (zero_is_significant), and one that both runs
// wrote before and at least one still has as written: those say more than that time has passed.
// Addresses and process ids are hidden, with repeats too.
//
// A layout that no request of either side asked for (asked_fields) is hidden: ktape used it for
// itself. A gate that was only observed, and looks at what the task did at that instant, is hidden
// too. Counts of losses matter if only one side lost anything of a kind. Kernel, machine and
// scenario are what is compared, not differences.
[[nodiscard]] Diff compare_runs(const DiffSide& a, const DiffSide& b);

}  // namespace ktape
