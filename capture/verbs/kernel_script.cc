// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_script.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <utility>

#include "capture/verbs/kernel_source.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/file.h"
#include "schema/base/pipe.h"
#include "schema/base/process.h"

namespace ktape {

namespace {

constexpr size_t kMaxListBytes = size_t{1} << 20;
constexpr char kPartOfKtape[] = "it is part of ktape and needs bash";

Result<std::string> script_path() {
  KTAPE_ASSIGN(const std::string data, data_folder());
  return data + "/kernels/lib/kernel-fetch";
}

// The words of a list that can be versions, comments left out; none if there is no such list.
std::vector<std::string> versions_in(const std::string& path, size_t columns) {
  std::vector<std::string> versions;
  const Result<std::string> text = read_text_file(path, kMaxListBytes);
  if (!text.ok()) return versions;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    for (size_t column = 0; column < columns && words >> word; ++column) versions.push_back(word);
  }
  return versions;
}

std::vector<std::string> listed_kernels() {
  std::vector<std::string> versions = versions_in(kernel_cache_folder() + "/on-mirror", 1);
  const Result<std::string> data = data_folder();
  if (!data.ok()) return versions;
  // Series and release; the release of some is "-", the newest.
  const auto tested = versions_in(*data + "/kernels/kernels.list", 2);
  const auto tried = versions_in(*data + "/kernels/kernels.tried", 1);
  versions.insert(versions.end(), tested.begin(), tested.end());
  versions.insert(versions.end(), tried.begin(), tried.end());
  std::erase(versions, "-");
  return versions;
}

std::string flavour_of(const std::string& version) {
  const size_t dash = version.find('-');
  return dash == std::string::npos ? std::string() : version.substr(dash);
}

using Series = std::pair<int, int>;

// {7, 3} for "7.3", "7.3.4" and "7.3.4-rt"; nothing for what is not the version of a stock kernel.
std::optional<Series> series_of(const std::string& version) {
  const std::string flavour = flavour_of(version);
  if (!flavour.empty() && flavour != "-rt" && flavour != "-generic") return std::nullopt;
  const std::string release = version.substr(0, version.size() - flavour.size());
  if (release.ends_with('.')) return std::nullopt;
  std::istringstream text(release);
  std::vector<int> numbers;
  for (std::string word; std::getline(text, word, '.');) {
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    numbers.push_back(number);
  }
  if (numbers.size() != 2 && numbers.size() != 3) return std::nullopt;
  return Series{numbers[0], numbers[1]};
}

}  // namespace

Error run_kernel_script(std::vector<std::string> arguments) {
  const Result<std::string> script = script_path();
  if (!script.ok()) return script.error();
  arguments.insert(arguments.begin(), *script);
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  // exec, not a child: the script then owns the terminal, its signals and its exit status.
  ::execv(script->c_str(), words.data());
  Error error = system_error(ErrorCode::kHost, "cannot run '" + *script + "'");
  error.hint = kPartOfKtape;
  return error;
}

Result<ExitCode> print_kernel_script(std::vector<std::string> arguments) {
  ProcessPlan plan;
  KTAPE_ASSIGN(plan.program, script_path());
  plan.arguments = std::move(arguments);
  plan.tie = ProcessTie::kForeground;
  KTAPE_ASSIGN(Pipe pipe, make_pipe());
  plan.output = pipe.write.get();
  Result<Process> script = Process::start(plan);
  if (!script.ok()) {
    Error error = script.error();
    error.hint = kPartOfKtape;
    return error;
  }
  pipe.write.reset();
  char text[4096];
  for (ssize_t size = 0; (size = read_through_signals(pipe.read.get(), text, sizeof text)) > 0;)
    KTAPE_TRY(write_output({text, static_cast<size_t>(size)}));
  KTAPE_TRY(flush_output());
  KTAPE_TRY(script->wait());
  const int status = script->status().value_or(-1);
  return WIFEXITED(status) ? static_cast<ExitCode>(WEXITSTATUS(status)) : ExitCode::kHost;
}

bool can_be_fetched(const std::string& version) {
  // A version has a dot; "host" or a file name does not.
  const std::optional<Series> asked = series_of(version);
  if (!asked) return false;
  std::vector<Series> known;
  for (const std::string& one : listed_kernels()) {
    if (const std::optional<Series> series = series_of(one)) known.push_back(*series);
  }
  if (known.empty()) return false;
  const auto [oldest, newest] = std::ranges::minmax(known);
  return *asked >= oldest && asked->first <= newest.first + 1;
}

bool is_of_series(const std::string& version, const std::string& series) {
  // The flavour is a suffix, so it goes behind the number: 7.3-rt is 7.3.*-rt.
  const std::string flavour = flavour_of(series);
  const std::string prefix = series.substr(0, series.size() - flavour.size()) + ".";
  return version.starts_with(prefix) && flavour_of(version) == flavour;
}

}  // namespace ktape
