// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel/stock_kernel.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

namespace ktape::test {

namespace {

namespace fs = std::filesystem;

constexpr char kFirstWithSchedExt[] = "6.16";

bool is_older(const std::string& a, const std::string& b) {
  return ::strverscmp(a.c_str(), b.c_str()) < 0;
}

fs::path kernels_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string root = cache && *cache ? cache : std::string(home ? home : "") + "/.cache";
  return fs::path(root) / "ktape/kernels";
}

fs::path image_of(const std::string& version) { return kernels_folder() / version / "bzImage"; }

struct StandIn {
  std::string series, version;
};

std::vector<StandIn> stand_ins() {
  std::vector<StandIn> found;
  std::ifstream file(kernels_folder() / "for-tests");
  for (StandIn one; file >> one.series >> one.version;) found.push_back(one);
  return found;
}

std::string flavour_of(const std::string& version) {
  const size_t dash = version.find('-');
  return dash == std::string::npos ? "" : version.substr(dash);
}

// "6.16." of "6.16" and of "6.16-rt".
std::string prefix_of(const std::string& series) {
  return series.substr(0, series.find('-')) + ".";
}

std::optional<std::string> newest_cached(const std::string& series) {
  std::optional<std::string> newest;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(kernels_folder(), ignored)) {
    const std::string version = entry.path().filename();
    if (!version.starts_with(prefix_of(series)) || flavour_of(version) != flavour_of(series))
      continue;
    if (fs::exists(image_of(version)) && (!newest || is_older(*newest, version))) newest = version;
  }
  return newest;
}

}  // namespace

std::string version_for(const std::string& series) {
  for (const StandIn& one : stand_ins()) {
    if (one.series == series && fs::exists(image_of(one.version))) return one.version;
  }
  return fs::exists(image_of(series)) ? series : newest_cached(series).value_or(series);
}

bool is_gone(const std::string& series) {
  const std::string version = version_for(series);
  return version != series && !version.starts_with(prefix_of(series));
}

std::string cached_kernel(const std::string& series) { return image_of(version_for(series)); }

bool is_cached(const std::string& series) { return fs::exists(cached_kernel(series)); }

std::vector<std::string> versions_with_sched_ext() {
  std::vector<std::string> versions;
  for (const StandIn& one : stand_ins()) {
    if (!is_older(one.version, kFirstWithSchedExt) && fs::exists(image_of(one.version)))
      versions.push_back(one.version);
  }
  std::sort(versions.begin(), versions.end(), [](const std::string& a, const std::string& b) {
    if (flavour_of(a).empty() != flavour_of(b).empty()) return flavour_of(a).empty();
    return is_older(a, b);
  });
  versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
  return versions;
}

std::string not_cached(const std::string& series) {
  return "kernel " + series + " is not cached: tools/kernel tests";
}

}  // namespace ktape::test
