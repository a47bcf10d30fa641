// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_script.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "capture/verbs/kernel_source.h"
#include "schema/base/file.h"

namespace ktape {

namespace {

constexpr size_t kMaxListBytes = size_t{1} << 20;

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

}  // namespace

Error run_kernel_script(std::vector<std::string> arguments) {
  const Result<std::string> data = data_folder();
  if (!data.ok()) return data.error();
  const std::string script = *data + "/kernels/lib/kernel-fetch";
  arguments.insert(arguments.begin(), script);
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  // exec, not a child: the script then owns the terminal, its signals and its exit status.
  ::execv(script.c_str(), words.data());
  Error error = system_error(ErrorCode::kHost, "cannot run '" + script + "'");
  error.hint = "it is part of ktape and needs bash";
  return error;
}

bool can_be_fetched(const std::string& version) {
  // A version has a dot; "host" or a file name does not.
  if (version.find('.') == std::string::npos) return false;
  const std::vector<std::string> listed = listed_kernels();
  return std::ranges::any_of(
      listed, [&](const std::string& one) { return one == version || is_of_series(one, version); });
}

bool is_of_series(const std::string& version, const std::string& series) {
  // The flavour is a suffix, so it goes behind the number: 7.3-rt is 7.3.*-rt.
  const std::string flavour = flavour_of(series);
  const std::string prefix = series.substr(0, series.size() - flavour.size()) + ".";
  return version.starts_with(prefix) && flavour_of(version) == flavour;
}

}  // namespace ktape
