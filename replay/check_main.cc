// SPDX-License-Identifier: Apache-2.0

// ktape-check: runs the assertion programs over tapes.

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <optional>
#include <set>

#include "replay/check.h"
#include "replay/ktap.h"
#include "schema/base/command_line.h"
#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/journal/verify.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape check";
constexpr size_t kOutputLimitBytes = size_t{16} << 20;

constexpr char kHelp[] =
    "Judges tapes: runs the programs ktape-assert-* that are beside ktape-check over each tape, by name\n"
    "order, and prints what they say as one KTAP stream, with a subtest for each. A tape is verified\n"
    "first; an altered one is not judged.";

constexpr char kFooter[] =
    "An analyzer is any program ktape-assert-NAME that takes a tape and prints KTAP; exit status 0 pass,\n"
    "1 violated, 77 inconclusive. One that crashes, or whose exit status and KTAP disagree, is an error.\n"
    "\n"
    "Exit status: 0 all passed; else the worst of 3 a tape is unusable, 4 an analyzer failed, 1 an\n"
    "assertion is violated, 77 an assertion is inconclusive; 2 usage.";

struct Options {
  std::vector<std::string> tapes;
  std::vector<std::string> only;
  std::vector<std::string> folders;
  bool list = false;
};

// What cannot be written shows in the state of the stream, which is looked at last.
void say(const std::string& text) { std::fputs(text.c_str(), stdout); }

struct Tape {
  std::string path;
  std::string heading;                 // diagnostics above its results
  std::optional<CheckResult> refused;  // why it is not judged
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

Tape inspect(const std::string& path) {
  Tape tape{path, "", std::nullopt};
  Result<Verification> found = verify(path, std::nullopt);
  if (!found.ok()) {
    std::fputs(describe(kProgram, found.error()).c_str(), stderr);
    tape.refused = CheckResult{CheckResult::Kind::kError, exit_code(found.error()), found.error().message};
    return tape;
  }
  std::string head = to_hex(found->head);
  switch (found->integrity) {
    case Integrity::kIntact: tape.heading = "intact, head " + head; break;
    case Integrity::kTruncated:
      tape.heading = "truncated: salvaged from a recorder that died, head " + head;
      break;
    case Integrity::kUnsealed: tape.heading = "unsealed: " + printable(found->finding); break;
    case Integrity::kAltered:
      tape.refused = CheckResult{CheckResult::Kind::kError, ExitCode::kBadInput,
                                 "the tape is altered: " + printable(found->finding)};
      std::fputs(
          describe(kProgram, {ErrorCode::kBadInput, in_quotes(path) + " is altered: " + found->finding, ""})
              .c_str(),
          stderr);
      break;
  }
  return tape;
}

CheckResult run_analyzer(const std::string& name, const std::string& program, const std::string& tape) {
  Result<ChildResult> child = run_child(program, {tape}, kOutputLimitBytes);
  if (!child.ok()) return {CheckResult::Kind::kError, ExitCode::kHost, printable(child.error().message)};
  say(as_subtest(name, child->output));
  return judge_child(*child);
}

ExitCode check(const std::vector<Tape>& tapes, const Analyzers& analyzers) {
  size_t planned = 0;
  for (const auto& tape : tapes) planned += tape.refused ? 1 : analyzers.size();
  say(fmt::format("KTAP version 1\n1..{}\n", planned));
  CheckSummary summary;
  size_t number = 0;
  auto conclude = [&](const std::string& name, const CheckResult& result) {
    say(result_line(++number, name, result));
    summary.add(name, result);
    std::fflush(stdout);
  };
  for (const auto& tape : tapes) {
    if (tape.refused) {
      conclude(tape.path, *tape.refused);
      continue;
    }
    say(fmt::format("# {}: {}\n", printable(tape.path), tape.heading));
    for (const auto& [name, program] : analyzers) {
      CheckResult result = run_analyzer(name, program, tape.path);
      conclude(tapes.size() == 1 ? name : tape.path + ": " + name, result);
    }
  }
  say(summary.text());
  return summary.code();
}

Result<ExitCode> run(const Options& options) {
  std::vector<std::string> folders = options.folders;
  KTAPE_ASSIGN(std::string own_folder, executable_folder());
  folders.push_back(own_folder);
  KTAPE_ASSIGN(Analyzers all, find_analyzers(folders));
  KTAPE_ASSIGN(Analyzers analyzers, chosen_analyzers(all, options.only));
  if (analyzers.empty()) {
    return Error{ErrorCode::kHost, "there is no program ktape-assert-* in " + in_quotes(own_folder),
                 "--analyzers DIR names another folder"};
  }
  if (options.list) {
    for (const auto& [name, program] : analyzers) say(fmt::format("{:<24} {}\n", name, program));
    return ExitCode::kGood;
  }
  if (options.tapes.empty()) return Error{ErrorCode::kUsage, "no tape is given", "ktape check run.ktape"};
  std::vector<Tape> tapes;
  for (const auto& path : distinct(options.tapes)) tapes.push_back(inspect(path));
  ExitCode code = check(tapes, analyzers);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return system_error(ErrorCode::kHost, "cannot write to standard output");
  return code;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  CLI::App app(std::string(ktape::kHelp) + "\n", ktape::kProgram);
  app.footer(ktape::kFooter);
  app.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  ktape::Options options;
  app.add_option("TAPE", options.tapes, "tapes; a file that is given twice is judged once");
  app.add_option("--only", options.only, "run this analyzer alone; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--analyzers", options.folders, "look for analyzers here first; may be repeated")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_flag("--list", options.list, "print the analyzers' names and programs");
  if (std::optional<int> status = ktape::parse_command_line(app, argc, argv)) return *status;
  ktape::Result<ktape::ExitCode> result = ktape::run(options);
  if (result.ok()) return static_cast<int>(result.value());
  std::fputs(ktape::describe(ktape::kProgram, result.error()).c_str(), stderr);
  return static_cast<int>(ktape::exit_code(result.error()));
}
