// SPDX-License-Identifier: Apache-2.0

// ktape-check: runs the assertion programs over tapes.

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <set>
#include <thread>

#include "replay/check/assertions.h"
#include "replay/check/check.h"
#include "replay/check/check_reports.h"
#include "replay/check/check_run.h"
#include "replay/check/github_report.h"
#include "replay/check/ktap_report.h"
#include "replay/check/terminal_report.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/command/terminal.h"
#include "schema/base/file.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape check";

constexpr char kHelp[] =
    R"(Judges tapes: runs the programs ktape-assert-* over each tape, in the order of their
names. On a terminal it prints one line for each, with the failures and their evidence
last; elsewhere one KTAP stream with a result for each, and a subtest for each of several
tapes. A tape is verified first; an altered one is not judged.

A scenario can list failures that it expects; it is on the tape. Such a failure is xfail,
which is good. An assertion that passes although it was expected to fail is xpass, which
is a failure.

Assertions are looked up in the folders given by --analyzers, then in the folder of
ktape-check, then in PATH. If several have one name, the first one found is run; --list
shows the ones that it hides.)";

constexpr char kFooter[] =
    R"(An assertion is any program ktape-assert-NAME that takes a tape, then its own arguments,
and prints KTAP; exit status 0 means pass, 1 violated, 77 inconclusive. One that crashes,
hangs, prints too much, or whose exit status and KTAP disagree, is an error. One that
needs arguments is skipped if --with does not give it any, and does not count. Assertions
run in parallel; the output and its order do not depend on that.

The JSON is one object: exitStatus; totals; and tapes, each with path, integrity, finding,
head, losses and results: name, arguments, program, required, verdict (pass, fail, xfail,
xpass, inconclusive, notAsked, error), reason, output. A tape that cannot be judged has one
result, named verify.

Examples:
  ktape check run.ktape
  ktape check run.ktape --only 'vtime-*' --require vtime-monotonic
  ktape check run.ktape --with 'value --tag nr --op "<=" --to 8' \
      --with 'value --tag t --op != --to 0'
  ktape check *.ktape --junit check.xml --github

Exit status: 0 all passed; else the worst of: 3 a tape is unusable, 4 an assertion could
not be run, 1 an assertion is violated, or passed unexpectedly, 77 an assertion is
inconclusive, or none was asked; 2 usage.)";

struct Options {
  std::vector<std::string> tapes;
  AssertionChoice choice;
  std::vector<std::string> folders;
  size_t jobs = std::max(1u, std::thread::hardware_concurrency());
  double timeout_s = 60;
  std::string junit;
  std::string json;
  bool list = false;
  bool ktap = false;
  bool github = false;

  // Whether standard output gets a report for people, and not KTAP.
  [[nodiscard]] bool for_people() const {
    return !ktap && json != "-" && is_terminal(STDOUT_FILENO);
  }
};

// A failed write is kept in the stream's state, which is checked at the end.
void say(const std::string& text) { std::fputs(text.c_str(), stdout); }

// Catches interrupting signals, so that no assertion outlives the check.
class Interruption {
 public:
  Interruption() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    // A descriptor, and not a handler: it can be waited for together with the output of a child.
    fd_ = UniqueFd(::signalfd(-1, &signals_, SFD_CLOEXEC));
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool came() const {
    pollfd wait = {fd_.get(), POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
  }
  // Lets the signal take its default action.
  void deliver() const { ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); }

 private:
  sigset_t signals_;
  UniqueFd fd_;
};

// Shows progress on a terminal to which no results are printed meanwhile.
class Counter {
 public:
  Counter(const char* what, size_t all, bool for_people)
      : what_(what),
        all_(all),
        shown_(is_terminal(STDERR_FILENO) && !is_dumb_terminal() &&
               (for_people || !is_terminal(STDOUT_FILENO))) {}
  ~Counter() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  void show(size_t done) const {
    if (shown_) std::fprintf(stderr, "\r%s %zu of %zu", what_, done, all_);
  }

 private:
  const char* what_;
  size_t all_;
  bool shown_;
};

// Each file once, however often and by whatever name it is given.
std::vector<std::string> distinct(const std::vector<std::string>& paths) {
  std::vector<std::string> kept;
  std::set<std::pair<dev_t, ino_t>> seen;
  for (const auto& path : paths) {
    struct stat info = {};
    bool exists = ::stat(path.c_str(), &info) == 0;
    if (!exists || seen.emplace(info.st_dev, info.st_ino).second) kept.push_back(path);
  }
  return kept;
}

// Prints results as they come, and gathers what the reports need.
class Printer {
 public:
  Printer(const Options& options, Colors colors, const KtapReport& ktap, size_t tapes)
      : options_(options), several_(tapes > 1), ktap_(ktap), report_(colors, terminal_columns()) {}

  // Text from tapes, which follows, may look like a workflow command.
  Result<void> stop_commands() {
    if (!options_.github) return {};
    KTAPE_ASSIGN(stop_word_, stop_word());
    say("::stop-commands::" + stop_word_ + "\n");
    std::fflush(stdout);
    return {};
  }

  void begin() { print(ktap_.begin()); }

  void add(const CheckStep& step) {
    if (tape_ != &step.tape) {
      tape_ = &step.tape;
      summary_.add_losses(step.tape.path, step.tape.lossless ? "" : step.tape.losses);
    }
    print(ktap_.add(step));
    std::string name = step.run == nullptr ? step.tape.path : step.run->label();
    // That an assertion needs arguments has nothing to do with the tape.
    const bool unasked = step.checked.result.kind == CheckResult::Kind::kNotAsked;
    if (step.run != nullptr && several_ && !unasked) name = step.tape.path + ": " + name;
    summary_.add(name, step.checked.result);
    if (for_people_) report_.add(step);
    if (options_.github) github_.add(step);
    if (!options_.json.empty()) json_.add(step);
    if (!options_.junit.empty()) junit_.add(step);
  }

  Result<ExitCode> finish() {
    print(ktap_.finish(summary_));
    if (for_people_) say(report_.finish(summary_));
    if (options_.json == "-") say(json_.finish(summary_));
    if (options_.github) say("::" + stop_word_ + "::\n" + github_.commands());
    // Each is written even if another one cannot be.
    Result<void> written;
    const auto note = [&](Result<void> one) {
      if (written.ok()) written = std::move(one);
    };
    if (options_.github) note(append_job_summary(github_.summary(summary_)));
    if (!options_.json.empty() && options_.json != "-")
      note(write_report(options_.json, json_.finish(summary_)));
    if (!options_.junit.empty()) note(write_report(options_.junit, junit_.finish()));
    note(flush_output());
    KTAPE_TRY(written);
    return summary_.code();
  }

 private:
  void print(const std::string& text) {
    if (options_.json == "-" || for_people_) return;
    say(text);
    std::fflush(stdout);
  }

  const Options& options_;
  bool several_;
  bool for_people_ = options_.for_people();
  KtapReport ktap_;
  TerminalReport report_;
  const CheckedTape* tape_ = nullptr;
  CheckSummary summary_;
  JsonReport json_;
  JunitReport junit_;
  GithubReport github_;
  std::string stop_word_;
};

void tell_refusals(const std::vector<CheckedTape>& tapes) {
  for (const auto& tape : tapes) {
    if (!tape.refused) continue;
    std::string what = tape.integrity == "altered"
                           ? in_quotes(tape.path) + " is altered: " + tape.finding
                           : tape.finding;
    std::fputs(describe(kProgram, {ErrorCode::kBadInput, what, tape.hint}).c_str(), stderr);
  }
}

Result<ExitCode> check(const Options& options, Colors colors,
                       const std::vector<AssertionRun>& runs) {
  CheckLimits limits;
  limits.jobs = options.jobs;
  limits.time = std::chrono::milliseconds(static_cast<int64_t>(options.timeout_s * 1000));

  std::vector<std::string> paths = distinct(options.tapes);
  std::vector<CheckedTape> tapes;
  {
    Counter counter("verified", paths.size(), options.for_people());
    tapes = inspect_tapes(paths, limits, [&](size_t done) { counter.show(done); });
  }
  // Only now: while tapes are verified no assertion runs, and a signal may end the program as it
  // is.
  Interruption interruption;
  limits.interrupt_fd = interruption.fd();
  size_t planned = 0;
  for (auto& tape : tapes) {
    // With --only the user has left the others out.
    if (options.choice.only.empty()) find_missing(tape, runs);
    planned += tape.refused ? 1 : runs.size() + tape.missing.size();
  }

  Printer printer(options, colors, KtapReport(tapes.size(), runs.size(), planned), tapes.size());
  KTAPE_TRY(printer.stop_commands());
  tell_refusals(tapes);
  printer.begin();
  {
    Counter counter("judged", planned, options.for_people());
    size_t done = 0;
    check_tapes(tapes, runs, limits, [&](const CheckStep& step) {
      if (interruption.came()) return false;
      printer.add(step);
      counter.show(++done);
      return true;
    });
  }
  // Before the summary, which would be that of a part.
  interruption.deliver();
  return printer.finish();
}

Result<void> list(const FoundAssertions& found, const std::vector<AssertionRun>& runs) {
  for (const auto& run : runs) {
    say(fmt::format("{:<24} {}\n", run.name, run.program));
    for (const auto& [name, program] : found.hidden) {
      if (name == run.name) say(fmt::format("{:<24} hides {}\n", "", program));
    }
  }
  for (const auto& [name, file] : found.not_programs) {
    say(fmt::format("{:<24} not run: {} is not executable\n", printable(name), printable(file)));
  }
  KTAPE_TRY(flush_output());
  return {};
}

Result<ExitCode> run(const Options& options, Colors colors) {
  std::vector<std::string> folders = options.folders;
  KTAPE_ASSIGN(std::string own_folder, executable_folder());
  folders.push_back(own_folder);
  KTAPE_ASSIGN(FoundAssertions found, find_assertions(folders, path_folders()));
  KTAPE_ASSIGN(std::vector<AssertionRun> runs, choose_runs(found, options.choice));
  if (runs.empty()) {
    return Error{ErrorCode::kHost,
                 "there is no program ktape-assert-* in " + in_quotes(own_folder) + " or on PATH",
                 "name their folder with --analyzers DIR"};
  }
  if (options.list) {
    KTAPE_TRY(list(found, runs));
    return ExitCode::kGood;
  }
  for (const auto& [name, file] : found.not_programs) {
    std::fputs(fmt::format("{}: {} was not run: it is not executable\n", kProgram, in_quotes(file))
                   .c_str(),
               stderr);
  }
  if (options.tapes.empty())
    return Error{ErrorCode::kUsage, "no tape is given", "ktape check run.ktape"};
  if (options.github && options.json == "-") {
    return Error{ErrorCode::kUsage, "--github and '--json -' exclude each other",
                 "both print to standard output; write the JSON to a file"};
  }
  if (options.junit == "-") {
    return Error{ErrorCode::kUsage, "--junit writes a file, not standard output",
                 "give it a name, as in --junit check.xml"};
  }
  if (!options.junit.empty() && options.junit == options.json) {
    return Error{ErrorCode::kUsage,
                 "--junit and --json name the same file, " + in_quotes(options.junit), ""};
  }
  // Before anything is judged, so that a wrong name costs nothing.
  for (const auto& report : {options.junit, options.json}) {
    if (!report.empty() && report != "-") KTAPE_TRY(check_report_path(report));
  }
  return check(options, colors, runs);
}

void add_options(CommandLine& program, Options& options) {
  auto repeated = [&](const char* name, std::vector<std::string>& value, const char* type,
                      const char* help) {
    program.add(name, value, help).value_name(type).repeated();
  };
  program.add("TAPE", options.tapes, "Tapes; a file that is given twice is judged once");
  repeated("--only", options.choice.only, "NAME",
           "Run only these assertions: a name, or a pattern such as 'vtime-*'. May be repeated");
  repeated("--require", options.choice.require, "NAME",
           "Always run this assertion, and count inconclusive as violated. May be repeated");
  repeated("--with", options.choice.with, "'NAME ARG...'",
           "Run this assertion with these arguments, quoted as for a shell. May be "
           "repeated: each is one run");
  repeated("--analyzers", options.folders, "DIR",
           "Look for assertions in this folder first. May be repeated");
  program
      .add("-j,--jobs", options.jobs, "Number of assertions at a time; default: the number of CPUs")
      .range(1, 1024);
  program
      .add("--timeout", options.timeout_s,
           "Time limit for an assertion and a tape, in seconds; default 60")
      .range(0.001, 1e6, "SECONDS");
  program.add("--junit", options.junit, "Also write the results as JUnit XML; replaces the file")
      .value_name("FILE");
  program
      .add("--json", options.json,
           "Also write the results as JSON; replaces the file; '-' is standard output, in "
           "place of everything else")
      .value_name("FILE");
  program.add_flag("--github", options.github,
                   "Also print annotations for GitHub Actions, and append a summary to the file "
                   "that GITHUB_STEP_SUMMARY names");
  program.add_flag("--ktap", options.ktap, "Print KTAP on a terminal too");
  program.add_flag("--list", options.list, "Print the names and programs of the assertions");
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  ktape::add_options(program, options);
  const ktape::ColorOption color(program);
  const ktape::PagerOption pager(program);
  return program.run(
      argc, argv, [&] { return pager.paged([&] { return ktape::run(options, color.colors()); }); });
}
