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

#include "schema/base/exit_code.h"
#include "schema/base/file.h"
#include "schema/base/nearest.h"

namespace ktape {

namespace {

constexpr std::string_view kPrefix = "ktape-";
// Programs that `ktape check` runs; they are not verbs.
constexpr std::string_view kAssertions = "ktape-assert-";

struct Verb {
  std::string_view name;
  std::string_view summary;
};
constexpr Verb kVerbs[] = {
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
    {"kernel", "show what ktape finds in a kernel image"},
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

void print_help(const std::map<std::string, std::filesystem::path>& found, std::FILE* out) {
  std::fprintf(out,
               "usage: ktape VERB [ARGUMENTS]\n\nA flight recorder for Linux kernel schedulers. "
               "`ktape VERB --help` says more.\n\n");
  for (const Verb& verb : kVerbs) {
    if (!found.contains(std::string(verb.name))) continue;
    std::fprintf(out, "  %-10s %s\n", verb.name.data(), verb.summary.data());
  }
  for (const auto& [name, path] : found) {
    if (std::ranges::find(kVerbs, name, &Verb::name) != std::end(kVerbs)) continue;
    std::fprintf(out, "  %-10s (%s)\n", name.c_str(), path.c_str());
  }
}

ExitCode fail(ErrorCode code, std::string message, std::string hint) {
  Error error{code, std::move(message), std::move(hint)};
  std::fputs(describe("ktape", error).c_str(), stderr);
  return exit_code(error);
}

ExitCode run(int argc, char** argv) {
  std::string verb = argc > 1 ? argv[1] : "";
  if (verb.empty() || verb == "--help" || verb == "-h" || verb == "help") {
    print_help(find_verbs(), verb.empty() ? stderr : stdout);
    return verb.empty() ? ExitCode::kUsage : ExitCode::kGood;
  }
  if (verb == "--version") {
    std::printf("ktape %s\n", KTAPE_VERSION);
    return ExitCode::kGood;
  }
  std::string path = find_verb(verb);
  if (path.empty()) {
    const auto verbs = find_verbs();
    std::vector<std::string> names;
    names.reserve(verbs.size());
    for (const auto& [name, program] : verbs) names.push_back(name);
    std::string near = did_you_mean(verb, names);
    return fail(ErrorCode::kUsage, "there is no verb '" + verb + "'",
                near.empty() ? "list the verbs with `ktape --help`" : near);
  }
  argv[1] = path.data();
  ::execv(path.c_str(), argv + 1);
  Error error = system_error(ErrorCode::kHost, "cannot run '" + path + "'");
  return fail(error.code, error.message, "");
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) { return static_cast<int>(ktape::run(argc, argv)); }
