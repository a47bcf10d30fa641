// SPDX-License-Identifier: Apache-2.0
#include "replay/check/assertions.h"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "schema/base/nearest.h"
#include "schema/base/shell_words.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr std::string_view kPrefix = "ktape-assert-";

void add_program(const std::filesystem::path& program, FoundAssertions& found) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(program, error)) return;
  std::string name = program.filename().string().substr(kPrefix.size());
  if (::access(program.c_str(), X_OK) != 0) {
    found.not_programs.emplace(name, program.string());
    return;
  }
  auto [first, is_new] = found.assertions.emplace(name, program.string());
  if (!is_new && first->second != program) found.hidden.emplace_back(name, program.string());
}

// Device and inode number of each folder that was read: PATH often has one twice, as /bin and
// /usr/bin.
using Folders = std::set<std::pair<dev_t, ino_t>>;

// Not std::filesystem: making paths of the thousands of programs on PATH takes it longer than an
// assertion runs.
Result<void> add_folder(const std::string& folder, Folders& seen, FoundAssertions& found) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (open == nullptr) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    return system_error(missing ? ErrorCode::kUsage : ErrorCode::kHost,
                        "cannot read the folder " + in_quotes(folder));
  }
  struct stat which;
  if (::fstat(::dirfd(open.get()), &which) == 0 && !seen.emplace(which.st_dev, which.st_ino).second)
    return {};
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr && errno == 0) return {};
    if (entry == nullptr)
      return system_error(ErrorCode::kHost, "cannot read the folder " + in_quotes(folder));
    const std::string_view file = entry->d_name;
    if (file.size() > kPrefix.size() && file.starts_with(kPrefix))
      add_program(std::filesystem::path(folder) / file, found);
  }
}

std::string without_prefix(const std::string& name) {
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

Error unknown(const FoundAssertions& found, const std::string& name) {
  const auto file = found.not_programs.find(name);
  if (file != found.not_programs.end()) {
    return Error{ErrorCode::kUsage,
                 "cannot run assertion " + in_quotes(name) + ": it is not executable",
                 "chmod +x " + printable(file->second)};
  }
  std::vector<std::string> all;
  for (const auto& [known, path] : found.assertions) all.push_back(known);
  std::string hint = did_you_mean(name, all);
  return Error{ErrorCode::kUsage, "there is no assertion " + in_quotes(name),
               hint.empty() ? "list them with 'ktape check --list'" : hint};
}

// Adds the names that match `pattern`.
Result<void> match(const FoundAssertions& found, const std::string& pattern,
                   std::set<std::string>& names) {
  std::string wanted = without_prefix(pattern);
  bool any = false;
  for (const auto& [name, path] : found.assertions) {
    if (::fnmatch(wanted.c_str(), name.c_str(), 0) != 0) continue;
    names.insert(name);
    any = true;
  }
  return any ? Result<void>() : unknown(found, wanted);
}

}  // namespace

std::string AssertionRun::label() const {
  std::string text = name;
  for (const auto& argument : arguments) text += " " + argument;
  return text;
}

Result<FoundAssertions> find_assertions(const std::vector<std::string>& folders,
                                        const std::vector<std::string>& path) {
  FoundAssertions found;
  Folders seen;
  for (const auto& folder : folders) KTAPE_TRY(add_folder(folder, seen, found));
  for (const auto& folder : path)
    (void)add_folder(folder, seen, found);  // folders on PATH may be missing
  return found;
}

Result<std::vector<AssertionRun>> choose_runs(const FoundAssertions& found,
                                              const AssertionChoice& choice) {
  std::set<std::string> chosen;
  std::set<std::string> required;
  std::multimap<std::string, std::vector<std::string>> arguments;
  for (const auto& pattern : choice.only) KTAPE_TRY(match(found, pattern, chosen));
  for (const auto& pattern : choice.require) KTAPE_TRY(match(found, pattern, required));
  for (const auto& line : choice.with) {
    KTAPE_ASSIGN(std::vector<std::string> words, shell_words(line));
    if (words.empty()) return Error{ErrorCode::kUsage, "--with does not name an assertion", ""};
    std::string name = without_prefix(words.front());
    if (!found.assertions.contains(name)) return unknown(found, name);
    arguments.emplace(name, std::vector<std::string>(words.begin() + 1, words.end()));
  }
  std::vector<AssertionRun> runs;
  for (const auto& [name, program] : found.assertions) {
    bool wanted = choice.only.empty() || chosen.contains(name) || required.contains(name);
    auto [first, last] = arguments.equal_range(name);
    if (first == last && wanted) runs.push_back({name, program, {}, required.contains(name)});
    for (auto it = first; it != last; ++it) {
      runs.push_back({name, program, it->second, required.contains(name)});
    }
  }
  return runs;
}

}  // namespace ktape
