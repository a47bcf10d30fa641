// SPDX-License-Identifier: Apache-2.0
// ktape: runs ktape-VERB, the way git does.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "schema/base/command/command_description.h"
#include "schema/base/command/pager.h"
#include "schema/base/exit_code.h"
#include "schema/base/file.h"
#include "schema/base/json_writer.h"
#include "schema/base/nearest.h"

namespace ktape {

namespace {

constexpr std::string_view kPrefix = "ktape-";
// Programs that `ktape check` runs; they are not verbs.
constexpr std::string_view kAssertions = "ktape-assert-";
constexpr char kAbout[] = "A flight recorder for Linux kernel schedulers.";

constexpr size_t kNameColumns = 10;

struct Verb {
  std::string_view name;
  std::string_view summary;
};
constexpr Verb kVerbs[] = {
    {"init", "write a scenario to start from"},
    {"capture", "run a scenario on a kernel and record it on a tape"},
    {"show", "show the records of a tape"},
    {"check", "judge a tape with the assertion programs"},
    {"verify", "check whether a tape is intact"},
    {"read", "read kernel state from a tape's recorded memory"},
    {"replay", "rerun a tape's ops on its recorded memory"},
    {"test", "capture a scenario and check its tape"},
    {"diff", "compare two tapes"},
    {"slim", "shrink a tape to what its run used"},
    {"upgrade", "rewrite a tape's tables in the current format"},
    {"report", "write a report about a tape"},
    {"info", "describe a tape and where its bytes are"},
    {"export", "convert a tape for other tools"},
    {"kernel", "fetch, list and inspect kernels"},
    {"doctor", "check what this host lacks"},
};

bool executable(const std::filesystem::path& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

// Folders to search, in order: this program's folder, its libexec folder, PATH.
std::vector<std::filesystem::path> program_folders() {
  std::vector<std::filesystem::path> folders;
  auto own = executable_folder();
  if (own.ok()) {
    folders.emplace_back(own.value());
    folders.push_back(std::filesystem::path(own.value()).parent_path() / "libexec" / "ktape");
  }
  for (const auto& folder : path_folders()) folders.emplace_back(folder);
  return folders;
}

// The program of each existing verb; the first folder that has it wins.
std::map<std::string, std::filesystem::path> find_verbs() {
  std::map<std::string, std::filesystem::path> verbs;
  for (const auto& folder : program_folders()) {
    std::error_code unreadable;  // a folder on PATH need not exist
    std::filesystem::directory_iterator entry(folder, unreadable);
    for (; entry != std::filesystem::directory_iterator(); entry.increment(unreadable)) {
      std::string name = entry->path().filename().string();
      if (!name.starts_with(kPrefix) || name.starts_with(kAssertions) || !executable(entry->path()))
        continue;
      verbs.emplace(name.substr(kPrefix.size()), entry->path());
    }
  }
  return verbs;
}

// The program of one verb, without looking up all others; empty if there is none.
std::string find_verb(const std::string& verb) {
  const std::string name = std::string(kPrefix) + verb;
  if (name.starts_with(kAssertions) || name.find('/') != std::string::npos) return "";
  for (const auto& folder : program_folders()) {
    if (executable(folder / name)) return folder / name;
  }
  return "";
}

std::string help(const std::map<std::string, std::filesystem::path>& found) {
  std::string text = "usage: ktape VERB [ARGUMENTS]\n\n" + std::string(kAbout) +
                     " `ktape help VERB` says more.\n\n";
  const auto row = [&](std::string name, std::string_view summary) {
    name.resize(std::max(name.size(), kNameColumns), ' ');
    text.append("  ").append(name).append(" ").append(summary).append("\n");
  };
  for (const Verb& verb : kVerbs) {
    if (!found.contains(std::string(verb.name))) continue;
    row(std::string(verb.name), verb.summary);
  }
  for (const auto& [name, path] : found) {
    if (std::ranges::find(kVerbs, name, &Verb::name) != std::end(kVerbs)) continue;
    row(name, "(" + path.string() + ")");
  }
  return text;
}

ExitCode fail(ErrorCode code, std::string message, std::string hint) {
  Error error{code, std::move(message), std::move(hint)};
  std::fputs(describe("ktape", error).c_str(), stderr);
  return exit_code(error);
}

ExitCode no_such_verb(const std::string& verb) {
  const auto verbs = find_verbs();
  std::vector<std::string> names;
  names.reserve(verbs.size());
  for (const auto& [name, program] : verbs) names.push_back(name);
  std::string near = did_you_mean(verb, names);
  return fail(ErrorCode::kUsage, "there is no verb '" + verb + "'",
              near.empty() ? "`ktape --help` lists the verbs" : near);
}

// The verbs that ktape brings, for tools/packaging/make_pages.py.
void describe_verbs() {
  JsonWriter json;
  json.object().field("description", kAbout).key("verbs").list();
  for (const Verb& verb : kVerbs)
    json.object().field("name", verb.name).field("summary", verb.summary).end();
  std::printf("%s\n", json.end().end().take().c_str());
}

// Runs a program of `arguments`; returns only when it cannot.
ExitCode execute(const std::string& path, std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execvp(path.c_str(), pointers.data());
  Error error = system_error(ErrorCode::kHost, "cannot run '" + path + "'");
  return fail(error.code, error.message, "");
}

bool on_path(const char* program) {
  return std::ranges::any_of(path_folders(), [&](const std::string& folder) {
    return executable(std::filesystem::path(folder) / program);
  });
}

// The manual page of a verb, on a terminal; its help elsewhere, or where there is no page or no
// man.
ExitCode help_of(const std::string& verb) {
  const std::string program = find_verb(verb);
  if (program.empty()) return no_such_verb(verb);
  const auto data = data_folder();
  if (::isatty(STDOUT_FILENO) == 1 && data.ok() && on_path("man")) {
    const std::filesystem::path page = std::filesystem::path(data.value()).parent_path() / "man" /
                                       "man1" / (std::string(kPrefix) + verb + ".1.gz");
    std::error_code none;
    if (std::filesystem::exists(page, none)) return execute("man", {"man", "-l", page});
  }
  return execute(program, {program, "--help"});
}

// Where the files are that ktape brings besides programs, as `git --exec-path` says it of programs.
ExitCode print_data_path() {
  const auto folder = data_folder();
  if (!folder.ok()) return fail(folder.error().code, folder.error().message, folder.error().hint);
  std::printf("%s\n", folder->c_str());
  return ExitCode::kGood;
}

ExitCode run(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const std::string verb = arguments.empty() ? "" : arguments.front();
  const bool asks_for_a_verb =
      verb == "help" && arguments.size() > 1 && !arguments[1].starts_with('-');
  if (asks_for_a_verb) return help_of(arguments[1]);
  if (verb.empty() || verb == "--help" || verb == "-h" || verb == "help") {
    const std::string text = help(find_verbs());
    if (!verb.empty()) return print_paged(text).ok() ? ExitCode::kGood : ExitCode::kHost;
    std::fputs(text.c_str(), stderr);
    return ExitCode::kUsage;
  }
  if (verb == "--version") {
    std::printf("ktape %s\n", KTAPE_VERSION);
    return ExitCode::kGood;
  }
  if (verb == "--data-path") return print_data_path();
  if (verb == kDescribeCommand) {
    describe_verbs();
    return ExitCode::kGood;
  }
  const std::string path = find_verb(verb);
  if (path.empty()) return no_such_verb(verb);
  std::vector<std::string> words = arguments;
  words.front() = path;
  return execute(path, std::move(words));
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) { return static_cast<int>(ktape::run(argc, argv)); }
