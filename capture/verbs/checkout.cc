// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/checkout.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

#include "guest/machine/child_process.h"
#include "schema/base/child.h"
#include "schema/base/result.h"

namespace ktape {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using schema::CheckoutState;

constexpr auto kAnswerWithin = 10s;
// A line for each changed file: as many as a kernel tree has.
constexpr size_t kMaxOutputBytes = size_t{16} << 20;
constexpr size_t kMaxGitErrorBytes = size_t{16} << 10;
constexpr size_t kCommitDigits = 40;  // SHA-1; SHA-256 has more digits

bool is_below_checkout(fs::path folder) {
  std::error_code ignored;
  // Git itself would look further, across file systems, and fail on a folder that belongs to
  // another user.
  for (;; folder = folder.parent_path()) {
    if (fs::exists(folder / ".git", ignored)) return true;
    if (folder == folder.parent_path()) return false;
  }
}

// The output of git. Runs it through env(1) to unset the variables of an outer git, e.g. in a hook,
// which would point it at another repository.
Result<std::string> git(const std::string& folder, const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR",
                           "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG_PARAMETERS"}) {
    arguments.insert(arguments.end(), {"-u", name});
  }
  // The checkout's configuration may name programs to run; these two are the ones that a status
  // would run.
  arguments.insert(arguments.end(), {"LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
                                     "git", "--no-optional-locks", "-c", "core.fsmonitor=false",
                                     "-c", "core.hooksPath=/dev/null", "-C", folder});
  arguments.insert(arguments.end(), words.begin(), words.end());
  KTAPE_ASSIGN(const ChildResult ran, run_child("/usr/bin/env", arguments,
                                                {.output_bytes = kMaxOutputBytes,
                                                 .error_bytes = kMaxGitErrorBytes,
                                                 .time = kAnswerWithin}));
  if (ran.exit_status == 0 && ran.stopped.empty()) return ran.output;
  if (!ran.stopped.empty()) return Error{ErrorCode::kHost, "git " + ran.stopped, ""};
  // The words of git, which name the cause (safe.directory, no commit yet).
  const std::string cause = error_line(ran.errors);
  return Error{ErrorCode::kHost,
               cause.empty() ? fmt::format("git exited with status {}", ran.exit_status) : cause,
               ""};
}

// Counts lines of `git status --porcelain`: changed files, and untracked files.
std::pair<int32_t, int32_t> count_lines(const std::string& status) {
  int32_t changed = 0, untracked = 0;
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);)
    ++(line.starts_with("??") ? untracked : changed);
  return {changed, untracked};
}

}  // namespace

Checkout checkout_of(const std::string& folder) {
  Checkout checkout;
  if (!is_below_checkout(folder)) return checkout;
  checkout.state = CheckoutState::NOT_KNOWN;
  const auto not_known = [&](std::string why) {
    checkout.reason = std::move(why);
    return checkout;
  };
  const Result<std::string> found = git(folder, {"rev-parse", "--show-toplevel", "HEAD"});
  if (!found.ok()) return not_known(found.error().message);
  const size_t end = found->find('\n');
  // A repository without a commit has no HEAD; rev-parse has failed then.
  if (end == std::string::npos || found->size() < end + 1 + kCommitDigits)
    return not_known("git did not say which commit is checked out");
  checkout.folder = found->substr(0, end);
  checkout.commit = found->substr(end + 1, found->find('\n', end + 1) - end - 1);
  const Result<std::string> status = git(
      folder, {"status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=dirty"});
  if (!status.ok()) return not_known(status.error().message);
  // The program itself is rarely tracked, but its source may be untracked too, so untracked files
  // are counted separately.
  const auto [changed, untracked] = count_lines(*status);
  checkout.state = changed == 0 ? CheckoutState::CLEAN : CheckoutState::CHANGED;
  checkout.untracked = untracked;
  return checkout;
}

}  // namespace ktape
