// SPDX-License-Identifier: Apache-2.0

// ktape-diff: what two runs have different.

#include "replay/check/assertion_options.h"
#include "replay/check/verdicts.h"
#include "replay/diff/diff.h"
#include "replay/diff/diff_json.h"
#include "replay/diff/diff_sides.h"
#include "replay/diff/diff_text.h"
#include "schema/base/command_line.h"
#include "schema/base/standard_output.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape diff";

constexpr char kHelp[] =
    R"(Says what two runs have different: the same scenario on two kernels, before and after a change, today
and last year. Runs are held against each other by step, tag and name, never by time. All tapes are
judged by the assertions that `ktape check` runs.

A difference is one of
  outcome changed   how the run, a step, a worker or a scheduler ended
  verdict changed   what an assertion says
  value changed     what was read, or found after a write
  reply changed     an entry that was done in one run was refused or failed in the other
  gate changed      a gate passed in one run and failed in the other
  missing in one    a step, entry, worker, scheduler, incident or field that only one run has
  layout changed    offset, size or type of a field that the scenario's targets lead through
  loss changed      what a recorder lost

A and B are tapes, or folders of tapes of repeats: one scenario on one kernel and machine, captured
several times. Then what the repeats of a side vary by tells what changed, and every value is shown
with its range.)";

constexpr char kFooter[] =
    R"(With repeats, a number changed when the ranges of A and B do not overlap, and either the gap is
wider than either range, or the repeats are so many (4 and 4, 3 and 5 ...) that chance would part
them in at most one of twenty comparisons. Of what a CPU or a task did at that instant
(nr_running, curr, on_cpu ...) a few repeats are alike by chance: there only the latter counts.
Anything else changed when no repeat of A has what a repeat of B has, or when they have it in
shares that chance makes in at most one of twenty comparisons. The rest is shown as the same
within repeats.

Of single tapes nothing is known of that. There values of a kind that differs between any two
runs are shown under MAY VARY: times (by type or by name: jiffies, *_ns, *vtime, *_runtime ...),
counts of events (run_delay, pcount, nr_switches ...), what a CPU or a task did at that instant,
the bytes of whole objects, pointers and process ids. They count as changed where both runs wrote the value before and one
still has what it wrote, and, for times, where one run has 0 and the other has not.

Repeats of one side that all have one pointer or process id, and those of the other another one,
have changed.

Hidden, but counted, are addresses and process ids of the runs themselves; layouts
that no request asks for: of the many that ktape uses for itself, for gates, evidence and pages,
most move from kernel to kernel; and what ktape read by itself when a trigger froze the machine:
when it stands then is chance. --all shows all of it, with the reason.

Assertions are found as by `ktape check`: in each --analyzers, beside this program, and on PATH.

Kernel, machine and scenario are what is compared; that they differ is said, and is no difference.

Examples:
  ktape diff old.ktape new.ktape
  for i in 1 2 3 4; do ktape capture my.scenario --kernel 6.16.12 -o old/$i.ktape; done
  ktape diff old/ new/
  ktape diff old.ktape new.ktape --markdown >comment.md

Exit status: 0 nothing that matters differs, whatever may vary; 1 something does; 2 usage; 3 a tape is
altered or unusable, or a folder has none or such as are not repeats; 4 an assertion could not be run.)";

struct Options {
  std::string a;
  std::string b;
  AssertionOptions assertions;
  bool all = false;
  bool json = false;
  bool markdown = false;
};

// Assertions that cannot be run are no verdicts to compare.
ExitCode code_of(const Diff& diff, const DiffSide& a, const DiffSide& b) {
  ExitCode code = diff.mattering() > 0 ? ExitCode::kViolated : ExitCode::kGood;
  for (const DiffSide* side : {&a, &b}) {
    for (const DiffTape& tape : side->tapes) {
      for (const auto& [name, result] : tape.verdicts) {
        if (result.kind == CheckResult::Kind::kError) code = worst(code, result.code);
      }
    }
  }
  return code;
}

Result<ExitCode> run(const Options& options) {
  KTAPE_ASSIGN(AskedAssertions asked, find_asked_assertions(options.assertions));
  KTAPE_ASSIGN(DiffSide a, load_side(options.a, asked));
  KTAPE_ASSIGN(DiffSide b, load_side(options.b, asked));
  Diff diff = compare_runs(a, b);
  std::string text = options.json       ? diff_as_json(a, b, diff, options.all)
                     : options.markdown ? diff_as_markdown(a, b, diff, options.all)
                                        : diff_as_text(a, b, diff, options.all);
  KTAPE_TRY(write_output(text));
  KTAPE_TRY(flush_output());
  return code_of(diff, a, b);
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("A", options.a, "a tape, the .partial that a recorder left, or a folder of repeats")
      .required();
  program.add("B", options.b, "the tape or folder to hold against it").required();
  program.add_flag("--all", options.all, "also what is hidden, with the reason");
  const ktape::Option json =
      program.add_flag("--json", options.json, "one JSON object, for programs");
  program.add_flag("--markdown", options.markdown, "tables in Markdown").excludes(json);
  ktape::add_assertion_options(program, options.assertions);
  return program.run(argc, argv, [&] { return ktape::run(options); });
}
