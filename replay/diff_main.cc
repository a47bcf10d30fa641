// SPDX-License-Identifier: Apache-2.0

// ktape-diff: what two runs have different.

#include <cstdio>

#include "replay/diff.h"
#include "replay/diff_text.h"
#include "replay/judge_options.h"
#include "replay/verdicts.h"
#include "schema/base/command_line.h"
#include "schema/base/digest.h"
#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/journal/verify.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape diff";

constexpr char kHelp[] =
    "Says what two runs have different: the same scenario on two kernels, before and after a change, today\n"
    "and last year. Runs are held against each other by step, tag and name, never by time. Both tapes are\n"
    "judged by the assertions that `ktape check` runs.\n"
    "\n"
    "A difference is one of\n"
    "  outcome changed   how the run, a step, a worker or a scheduler ended\n"
    "  verdict changed   what an assertion says\n"
    "  value changed     what was read, or found after a write\n"
    "  reply changed     an entry that was done in one run was refused or failed in the other\n"
    "  gate changed      a gate passed in one run and failed in the other\n"
    "  missing in one    a step, entry, worker, scheduler, incident or field that only one run has\n"
    "  layout changed    offset, size or type of a field that the scenario's targets lead through\n"
    "  loss changed      what a recorder lost";

constexpr char kFooter[] =
    "Not shown, and no difference that matters, is what any two runs have different, however alike they "
    "are:\n"
    "addresses and pointers, process ids, times (by type or by name: jiffies, *_ns, *vtime, *_runtime ...),\n"
    "counts of events, what a CPU did at that instant (nr_running, curr, on_cpu ...), the bytes of whole\n"
    "objects. They do count where both runs wrote the value before, and, but for what a CPU did, where one\n"
    "run has 0 and the other has not. Nor is a layout that no request asks for: of the many that ktape uses\n"
    "for itself, for gates, evidence and pages, most move from kernel to kernel. Nor is what ktape read by\n"
    "itself when a trigger froze the machine, or that freeze-consistent is inconclusive in one run: when "
    "the\n"
    "machine stands is chance. --all shows all of it, with the reason.\n"
    "\n"
    "Assertions are found as by `ktape check`: in each --analyzers, beside this program, and on PATH.\n"
    "\n"
    "Kernel, machine and scenario are what is compared; that they differ is said, and is no difference.\n"
    "\n"
    "Examples:\n"
    "  ktape diff old.ktape new.ktape\n"
    "  ktape diff old.ktape new.ktape --markdown >comment.md\n"
    "\n"
    "Exit status: 0 nothing that matters differs, 1 something does, 2 usage, 3 a tape is altered or\n"
    "unusable, 4 an assertion could not be run.";

struct Options {
  std::string a;
  std::string b;
  JudgeOptions judges;
  bool all = false;
  bool json = false;
  bool markdown = false;
};

Result<DiffSide> load(const std::string& path, const Judges& judges) {
  KTAPE_ASSIGN(CheckedTape checked, inspect_readable(path));
  KTAPE_ASSIGN(auto tape, JournalReader::open(path));
  DiffSide side;
  side.path = path;
  side.integrity =
      checked.integrity == "intact" ? checked.integrity : checked.integrity + ": " + checked.finding;
  side.head = checked.head;
  KTAPE_ASSIGN(side.run, gather_run_facts(*tape));
  Result<FieldNames> asked = asked_fields(*tape);
  // Without types, or with such as cannot be read, every layout counts.
  if (!asked.ok() && asked.error().code == ErrorCode::kHost) return asked.error();
  if (asked.ok()) side.asked = std::move(*asked);
  for (auto& [name, verdict] : judge_tape(checked, judges)) {
    side.verdicts[name] = verdict.result;
    if (verdict.result.kind == CheckResult::Kind::kViolated && !verdict.findings.empty()) {
      side.evidence[name] = verdict.findings.front();
    }
  }
  return side;
}

// Assertions that cannot be run are no verdicts to compare.
ExitCode code_of(const Diff& diff, const DiffSide& a, const DiffSide& b) {
  ExitCode code = diff.mattering() > 0 ? ExitCode::kViolated : ExitCode::kGood;
  for (const DiffSide* side : {&a, &b}) {
    for (const auto& [name, result] : side->verdicts) {
      if (result.kind == CheckResult::Kind::kError) code = worst(code, result.code);
    }
  }
  return code;
}

Result<ExitCode> run(const Options& options) {
  KTAPE_ASSIGN(Judges judges, find_judges(options.judges));
  KTAPE_ASSIGN(DiffSide a, load(options.a, judges));
  KTAPE_ASSIGN(DiffSide b, load(options.b, judges));
  Diff diff = compare_runs(a, b);
  std::string text = options.json       ? diff_as_json(a, b, diff, options.all)
                     : options.markdown ? diff_as_markdown(a, b, diff, options.all)
                                        : diff_as_text(a, b, diff, options.all);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return system_error(ErrorCode::kHost, "cannot write to standard output");
  }
  return code_of(diff, a, b);
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  CLI::App app(std::string(ktape::kHelp) + "\n", ktape::kProgram);
  app.footer(ktape::kFooter);
  app.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  ktape::Options options;
  app.add_option("A", options.a, "a tape, or the .partial that a recorder left")->required();
  app.add_option("B", options.b, "the tape to hold against it")->required();
  app.add_flag("--all", options.all, "also what does not matter, with the reason");
  auto* json = app.add_flag("--json", options.json, "one JSON object, for programs");
  app.add_flag("--markdown", options.markdown, "tables in Markdown")->excludes(json);
  ktape::add_judge_options(app, options.judges);
  if (std::optional<int> status = ktape::parse_command_line(app, argc, argv)) return *status;
  return ktape::exit_status(ktape::kProgram, ktape::run(options));
}
