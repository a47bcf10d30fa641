// SPDX-License-Identifier: Apache-2.0

// ktape-test: captures a scenario and judges the tape, once or many times.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "replay/check/assertion_options.h"
#include "replay/tape/run_facts.h"
#include "replay/test/test_verdict.h"
#include "replay/text/text_writer.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

namespace {

namespace fs = std::filesystem;

constexpr char kProgram[] = "ktape test";
constexpr char kBisect[] = "--git-bisect";
constexpr size_t kOutputLimitBytes = size_t{1} << 20;
constexpr size_t kMaxTapes = 1'000'000;

constexpr char kHelp[] =
    R"(Captures a scenario and judges its tape: runs `ktape capture`, then the assertions of
`ktape check`. The tapes are kept as SCENARIO-KERNEL-NUMBER.ktape, and none is ever
overwritten. Arguments after '--' are passed to `ktape capture`.)";

constexpr char kFooter[] = R"(A run is
  bad      if an assertion is violated, or passed although the scenario expects it to fail.
           run-completed is one: a panic or a hang after the first step is bad, unless --only leaves
           it out; with --fail-on-eject also if a scheduler was ejected
  good     if it completed, an assertion passed, or failed as the scenario expects, and none is
           violated. Assertions that are named by --only, --require or --with, or are in a folder
           given by --analyzers, must be decided; others may be inconclusive
  nothing  if it says nothing about the kernel: the capture was refused or killed, the kernel cannot
           be used, did not boot or panicked before the first step, the machine was lost, the host
           failed, the run was interrupted, an assertion could not be run, or none was decided
Several runs together are bad if any run is bad, 'nothing' if none is bad but some run is
'nothing', and good if all runs are good.

--git-bisect is for `git bisect run`: it exits with 0 for good, 1 for bad and 125 for
everything else, including mistakes on the command line, and stops at the first bad run.

Examples:
  ktape test cold_path_roundtrip --kernel 7.3.4 --repeat 10
  git bisect run sh -c 'make -j8 bzImage || exit 125
    ktape test my.scenario --kernel arch/x86/boot/bzImage --git-bisect --only vtime-monotonic'

Exit status without --git-bisect: 0 good, 1 bad, 2 usage or scenario, 3 the kernel or a
tape cannot be used, 4 the machine was lost or the host lacks something, 77 nothing was
decided.)";

struct Options {
  std::string scenario;
  std::string kernel;
  std::string folder = "ktape-tests";
  size_t repeat = 1;
  bool git_bisect = false;
  bool fail_on_eject = false;
  AssertionOptions assertions;
  std::vector<std::string> capture;  // the arguments after "--"
};

// A name for a file: the last part of a path, without characters that are special to a shell.
std::string file_word(const std::string& path, const std::string& suffix) {
  std::string word = fs::path(path).filename();
  if (word.size() > suffix.size() && word.ends_with(suffix))
    word.erase(word.size() - suffix.size());
  for (char& c : word) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 c == '.' || c == '_';
    if (!plain) c = '-';
  }
  if (word.starts_with('.') || word.starts_with('-')) word.insert(0, "_");
  return word;
}

// The first number that no tape has, sealed or not.
Result<std::string> next_tape(const Options& options) {
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error)
    return system_error(ErrorCode::kHost, "cannot create the folder " + in_quotes(options.folder),
                        error.value());
  std::string kernel = options.kernel.empty() ? "default" : file_word(options.kernel, "");
  std::string stem =
      fmt::format("{}/{}-{}-", options.folder, file_word(options.scenario, ".scenario"), kernel);
  for (size_t number = 1; number <= kMaxTapes; ++number) {
    std::string tape = fmt::format("{}{}.ktape", stem, number);
    // Links are not followed: a dangling one is in the way, too.
    if (!fs::exists(fs::symlink_status(tape, error)) &&
        !fs::exists(fs::symlink_status(tape + ".partial", error))) {
      return tape;
    }
  }
  return Error{ErrorCode::kHost,
               "the folder " + in_quotes(options.folder) + " has no free tape number",
               "name another folder with --tapes DIR"};
}

// The first scheduler that the kernel ejected.
Result<std::string> find_ejection(const TapeReader& tape) {
  KTAPE_ASSIGN(const RunFacts facts, gather_run_facts(tape));
  for (const SchedulerFacts& scheduler : facts.schedulers) {
    if (std::string ejection = scheduler.ejection(); !ejection.empty()) return ejection;
  }
  return std::string();
}

Result<void> read_run(const CheckedTape& checked, bool fail_on_eject, TestRun& run) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(checked.path));
  run.sealed = tape->state() == TapeState::kSealed;
  if (fail_on_eject) {
    KTAPE_ASSIGN(run.ejection, find_ejection(*tape));
  }
  return tape->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.known) return {};
    if (view.record.isStepStarted()) run.reached_first_step = true;
    if (view.record.isSealed()) {
      run.outcome = view.record.getSealed().getOutcome();
      run.outcome_detail = printable(chars(view.record.getSealed().getDetail()));
    }
    return {};
  });
}

struct Finished {
  TestRun run;
  std::string losses;
};

Result<Finished> run_once(const Options& options, const std::string& capture,
                          const AskedAssertions& asked, const std::string& tape) {
  std::vector<std::string> arguments = {options.scenario, "-o", tape};
  if (!options.kernel.empty()) arguments.insert(arguments.end(), {"--kernel", options.kernel});
  arguments.insert(arguments.end(), options.capture.begin(), options.capture.end());
  Finished finished;
  TestRun& run = finished.run;
  KTAPE_ASSIGN(run.capture, run_child(capture, arguments, kOutputLimitBytes));
  // The capture was refused: its status and words are all there is.
  if (!fs::exists(tape)) return finished;
  Result<CheckedTape> checked = inspect_readable(tape);
  Result<void> read =
      checked.ok() ? read_run(*checked, options.fail_on_eject, run) : Result<void>(checked.error());
  if (!read.ok()) {
    run.sealed = false;
    run.not_evaluated = printable(read.error().message);
    return finished;
  }
  finished.losses = checked->losses;
  run.verdicts = run_assertions(*checked, asked);
  return finished;
}

const char* word(TestVerdict::Kind kind) {
  switch (kind) {
    case TestVerdict::Kind::kGood: return "good";
    case TestVerdict::Kind::kBad: return "BAD";
    case TestVerdict::Kind::kNone: break;
  }
  return "nothing";
}

struct Sum {
  TestVerdict::Kind kind = TestVerdict::Kind::kGood;
  ExitCode code = ExitCode::kGood;
  size_t good = 0;
  size_t bad = 0;
  size_t nothing = 0;

  void count(TestVerdict::Kind of);
};

void Sum::count(TestVerdict::Kind of) {
  switch (of) {
    case TestVerdict::Kind::kGood: ++good; break;
    case TestVerdict::Kind::kBad: ++bad; break;
    case TestVerdict::Kind::kNone: ++nothing; break;
  }
}

void describe_run(size_t number, size_t of, const std::string& tape, const Finished& finished,
                  const TestVerdict& verdict) {
  fmt::print("run {} of {}  {}: {}\n", number, of, word(verdict.kind), verdict.why);
  if (fs::exists(tape)) {
    fmt::print("  tape    {}\n", printable(tape));
    if (!finished.losses.empty()) fmt::print("  losses  {}\n", finished.losses);
  }
  for (const auto& [name, one] : finished.run.verdicts) {
    if (one.result.kind != CheckResult::Kind::kViolated) continue;
    fmt::print("  {} is violated\n", name);
    for (const std::string& finding : one.findings) fmt::print("    {}\n", finding);
  }
  std::fflush(stdout);
}

Result<Sum> run(const Options& options) {
  if (options.folder.empty())
    return Error{ErrorCode::kUsage, "--tapes has an empty folder name", ""};
  KTAPE_ASSIGN(std::string own_folder, executable_folder());
  const std::string capture = own_folder + "/ktape-capture";
  KTAPE_ASSIGN(AskedAssertions asked, find_asked_assertions(options.assertions));
  Sum sum;
  for (size_t number = 1; number <= options.repeat; ++number) {
    KTAPE_ASSIGN(std::string tape, next_tape(options));
    KTAPE_ASSIGN(Finished finished, run_once(options, capture, asked, tape));
    TestVerdict verdict = judge_run(finished.run);
    describe_run(number, options.repeat, tape, finished, verdict);
    sum.kind = over_all(sum.kind, verdict.kind);
    sum.code = worst(sum.code, verdict.code);
    sum.count(verdict.kind);
    // In git bisect the first bad run decides, so no time is spent on others.
    if (options.git_bisect && verdict.kind == TestVerdict::Kind::kBad) break;
    // A usage error would be the same in every run.
    if (verdict.code == ExitCode::kUsage || verdict.code == ExitCode::kBadInput) break;
  }
  fmt::print("{}: {} good, {} bad, {} that say nothing\n", word(sum.kind), sum.good, sum.bad,
             sum.nothing);
  KTAPE_TRY(flush_output());
  return sum;
}

int main_of_test(int argc, char** argv) {
  Options options;
  char** const end = argv + argc;
  // Split before parsing: what follows "--" is the capture's.
  char** const own_end = std::find(argv, end, std::string_view("--"));
  if (own_end != end) options.capture.assign(own_end + 1, end);
  const bool bisect = std::find(argv, own_end, std::string_view(kBisect)) != own_end;

  Program program(kProgram, kHelp, kFooter);
  program
      .add("SCENARIO", options.scenario,
           "A scenario file, or the name of a scenario shipped with ktape")
      .required();
  program.add("-k,--kernel", options.kernel, "The kernel, as for 'ktape capture'")
      .value_name("KERNEL");
  program.add("--repeat", options.repeat, "Number of runs; default 1").range(1, 100'000);
  program.add("--tapes", options.folder, "Keep the tapes in this folder")
      .value_name("DIR")
      .shows_default();
  program.add_flag(
      "--fail-on-eject", options.fail_on_eject,
      "Count a run as bad if the kernel ejected a scheduler, whatever the assertions say");
  program.add_flag(kBisect, options.git_bisect,
                   "Exit with the status that `git bisect run` expects");
  add_assertion_options(program, options.assertions);
  // git bisect takes every status from 1 to 127 but 125 for a bad commit, so a mistake on the
  // command line must be 125.
  if (std::optional<int> status = program.begin(static_cast<int>(own_end - argv), argv)) {
    return bisect && *status != 0 ? kBisectSkip : *status;
  }
  Result<Sum> sum = run(options);
  const int status = program.end(sum.ok() ? Result<ExitCode>(sum->code) : sum.error());
  if (!options.git_bisect) return status;
  return sum.ok() ? bisect_status(sum->kind) : kBisectSkip;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) { return ktape::main_of_test(argc, argv); }
