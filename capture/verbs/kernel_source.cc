// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_source.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

namespace ktape {

namespace {

namespace fs = std::filesystem;

constexpr char kDefaultKernel[] = "6.16.12";
constexpr char kFirstWithSchedExt[] =
    "6.16";  // of Debian's kernels: CONFIG_SCHED_CLASS_EXT is set from there on

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// Debian's image and its configuration have the same suffix: /boot/vmlinuz-X and /boot/config-X.
std::string config_beside(const fs::path& image) {
  if (fs::path config = image.parent_path() / "config"; is_file(config)) return config;
  const std::string name = image.filename();
  const size_t dash = name.find('-');
  if (dash == std::string::npos) return "";
  fs::path config = image.parent_path() / ("config" + name.substr(dash));
  return is_file(config) ? config.string() : "";
}

std::vector<std::string> cached_versions() {
  std::vector<std::string> versions;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(kernel_cache_folder(), ignored)) {
    if (is_file(entry.path() / "bzImage")) versions.push_back(entry.path().filename());
  }
  std::sort(versions.begin(), versions.end(), [](const std::string& a, const std::string& b) {
    return ::strverscmp(a.c_str(), b.c_str()) < 0;
  });
  return versions;
}

// The newest cached version of a series, if `series` is one: 6.17.13 for "6.17", 7.3.4-rt for
// "7.3-rt".
std::optional<std::string> newest_of_series(const std::vector<std::string>& versions,
                                            const std::string& series) {
  const auto flavour_of = [](const std::string& version) {
    const size_t dash = version.find('-');
    return dash == std::string::npos ? std::string() : version.substr(dash);
  };
  const std::string flavour = flavour_of(series);
  const std::string prefix = series.substr(0, series.size() - flavour.size()) + ".";
  const auto found =
      std::find_if(versions.rbegin(), versions.rend(), [&](const std::string& version) {
        return version.starts_with(prefix) && flavour_of(version) == flavour;
      });
  return found == versions.rend() ? std::nullopt : std::optional(*found);
}

std::string listed(const std::vector<std::string>& versions) {
  std::string text;
  for (const std::string& version : versions) text += (text.empty() ? "" : ", ") + version;
  return text;
}

}  // namespace

std::string kernel_cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return std::string(cache) + "/ktape/kernels";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/root") + "/.cache/ktape/kernels";
}

std::string default_kernel() {
  const std::vector<std::string> cached = cached_versions();
  if (std::find(cached.begin(), cached.end(), kDefaultKernel) != cached.end())
    return kDefaultKernel;
  const auto newest = std::find_if(cached.rbegin(), cached.rend(), [](const std::string& version) {
    return version.find('-') == std::string::npos &&
           ::strverscmp(version.c_str(), kFirstWithSchedExt) >= 0;
  });
  return newest == cached.rend() ? kDefaultKernel : *newest;
}

Result<KernelSource> find_kernel(const std::string& asked) {
  if (asked.find('/') != std::string::npos || is_file(asked)) {
    return KernelSource{asked, asked, config_beside(asked)};
  }
  const auto cached_image = [](const std::string& version) {
    return fs::path(kernel_cache_folder()) / version / "bzImage";
  };
  fs::path image = cached_image(asked);
  const std::vector<std::string> cached = cached_versions();
  const std::optional<std::string> newest = newest_of_series(cached, asked);
  if (!is_file(image) && newest) image = cached_image(*newest);
  if (is_file(image)) return KernelSource{asked, image, config_beside(image)};
  return Error{
      ErrorCode::kNotFound,
      "kernel '" + asked + "' is not in the cache '" + kernel_cache_folder() + "'" +
          (cached.empty() ? "" : "; cached: " + listed(cached)),
      "run 'tools/kernel fetch' to get one of those that 'tools/kernel list' shows, or give "
      "--kernel the path of a bzImage or vmlinux"};
}

}  // namespace ktape
