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

}  // namespace ktape::test
