// SPDX-License-Identifier: Apache-2.0

// ktape-diff: the differences between two runs.

#include "replay/check/assertion_options.h"
#include "replay/check/verdicts.h"
#include "replay/diff/diff.h"
#include "replay/diff/diff_json.h"
#include "replay/diff/diff_sides.h"
#include "replay/diff/diff_text.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/command/terminal.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape diff";

constexpr char kHelp[] =
    R"(Reports the differences between two runs: the same scenario on two kernels, before and
after a change, or today and a year ago. Compares two tapes by step, tag and name, never
by time. All tapes are judged by the assertions that `ktape check` runs.

A difference is one of
  outcome changed   how the run, a step, a worker or a scheduler ended
  verdict changed   an assertion's verdict
  value changed     a value that was read, or found before or after a write
  reply changed     an entry that was done in one run was refused or failed in the other
  gate changed      a gate passed in one run and failed in the other
  missing in one    a step, entry, worker, scheduler, incident or field that only one run has
  layout changed    offset, size or type of a field on the path of a target of the scenario
  loss changed      what a recorder lost

A and B are tapes, or folders of repeats: tapes of one scenario on one kernel and machine.
With repeats, the variation between the repeats of a side decides what changed, and every
value is shown with its range.)";

constexpr char kFooter[] =
    R"(With repeats, a number changed if the ranges of A and B do not overlap and either the gap
is wider than either range, or there are enough repeats (such as 4 and 4, or 3 and 5) that
chance would separate the ranges in at most one of twenty comparisons. For what a CPU or a
task was doing at that instant (nr_running, curr, on_cpu ...) only the second rule counts,
because a few repeats may agree by chance. Any other value changed if A and B have no
value in common, or if the values occur in such different proportions that chance would
cause this in at most one of twenty comparisons. The rest is shown as the same within
repeats.

Between single tapes this variation is not known. Values of a kind that differs between
any two runs are shown under MAY VARY: times (by type or by name: jiffies, *_ns, *vtime,
*_runtime ...), counts of events (run_delay, pcount, nr_switches ...), what a CPU or a
task did at that instant, the bytes of whole objects, pointers and process ids. They count
as changed if both runs wrote the value before and only one still has what it wrote, and,
for times, if only one run has 0.

A pointer or process id changed if it is the same in all repeats of one side, and another
one in all repeats of the other.

Differences between any two runs are hidden, but counted: addresses and process ids of the
runs themselves; layouts that no request asks for, because ktape uses many for gates,
evidence and pages, and most of those move from kernel to kernel; and what ktape read on
its own when a trigger froze the machine, because where such a freeze lands is arbitrary.
--all shows them, with the reason.

Assertions are looked up as in `ktape check`: in each --analyzers folder, in this
program's folder, and in PATH.

Kernel, machine and scenario are what is compared: they are shown if they differ, but do
not count as differences.

Examples:
  ktape diff old.ktape new.ktape
  for i in 1 2 3 4; do ktape capture my.scenario --kernel 6.16.12 -o old/$i.ktape; done
  ktape diff old/ new/
  ktape diff old.ktape new.ktape --markdown >comment.md

Exit status: 0 no differences that matter; 1 some differences matter; 2 usage; 3 a tape is
altered or unusable, or a folder has no tapes or tapes that are not repeats; 4 an
assertion could not be run.)";

struct Options {
  std::string a;
  std::string b;
  AssertionOptions assertions;
  bool all = false;
  bool json = false;
  bool markdown = false;
};

// An assertion that could not be run has no verdict to compare.
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

Result<ExitCode> run(const Options& options, Colors colors) {
  KTAPE_ASSIGN(AskedAssertions asked, find_asked_assertions(options.assertions));
  KTAPE_ASSIGN(DiffSide a, load_side(options.a, asked));
  KTAPE_ASSIGN(DiffSide b, load_side(options.b, asked));
  Diff diff = compare_runs(a, b);
  std::string text = options.json       ? diff_as_json(a, b, diff, options.all)
                     : options.markdown ? diff_as_markdown(a, b, diff, options.all)
                                        : diff_as_text(a, b, diff, options.all, colors);
  KTAPE_TRY(write_output(text));
  KTAPE_TRY(flush_output());
  return code_of(diff, a, b);
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("A", options.a, "A tape, the .partial left by a recorder, or a folder of repeats")
      .required();
  program.add("B", options.b, "The tape or folder to compare with A").required();
  program.add_flag("--all", options.all, "Also show the hidden differences, with the reason");
  const ktape::Option json = program.add_flag("--json", options.json, "Print one JSON object");
  program.add_flag("--markdown", options.markdown, "Print tables in Markdown").excludes(json);
  ktape::add_assertion_options(program, options.assertions);
  const ktape::ColorOption color(program);
  const ktape::PagerOption pager(program);
  return program.run(
      argc, argv, [&] { return pager.paged([&] { return ktape::run(options, color.colors()); }); });
}
