// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace ktape::test {

// A stock kernel in ${XDG_CACHE_HOME:-~/.cache}/ktape/kernels, where `tools/kernel fetch` puts them.
inline std::string cached_kernel(const std::string& version) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string root = cache && *cache ? cache : std::string(home ? home : "") + "/.cache";
  return root + "/ktape/kernels/" + version + "/bzImage";
}

inline bool is_cached(const std::string& version) { return std::filesystem::exists(cached_kernel(version)); }

// The cached version of a series, e.g. "6.12.95" for "6.12": mirrors keep the newest only. The series
// itself where none is cached.
inline std::string cached_of_series(const std::string& series) {
  const std::filesystem::path kernels =
      std::filesystem::path(cached_kernel(series)).parent_path().parent_path();
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kernels, ignored)) {
    const std::string version = entry.path().filename();
    if (version.starts_with(series + ".") && is_cached(version)) return version;
  }
  return series;
}

}  // namespace ktape::test
