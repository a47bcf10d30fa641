// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_source.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "capture/verbs/host_kernel.h"
#include "capture/verbs/kernel_script.h"

namespace ktape {

namespace {

namespace fs = std::filesystem;

constexpr char kDefaultKernel[] = "6.16.12";
constexpr char kHostKernel[] = "host";
constexpr char kFirstWithSchedExt[] =
    "6.16";  // of Debian's kernels: CONFIG_SCHED_CLASS_EXT is set from there on

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
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
  // Numbers within names compare as numbers: 6.9 before 6.16.
  std::sort(versions.begin(), versions.end(), [](const std::string& a, const std::string& b) {
    return ::strverscmp(a.c_str(), b.c_str()) < 0;
  });
  return versions;
}

// The newest cached version of a series, if `series` is one: 6.17.13 for "6.17", 7.3.4-rt for
// "7.3-rt".
std::optional<std::string> newest_of_series(const std::vector<std::string>& versions,
                                            const std::string& series) {
  const auto found =
      std::find_if(versions.rbegin(), versions.rend(),
                   [&](const std::string& version) { return is_of_series(version, series); });
  return found == versions.rend() ? std::nullopt : std::optional(*found);
}

// The cached image of a version, or of the newest of a series.
std::optional<std::string> cached_image(const std::vector<std::string>& cached,
                                        const std::string& name) {
  const auto image_of = [](const std::string& version) {
    return (fs::path(kernel_cache_folder()) / version / "bzImage").string();
  };
  if (std::find(cached.begin(), cached.end(), name) != cached.end()) return image_of(name);
  const std::optional<std::string> newest = newest_of_series(cached, name);
  return newest ? std::optional(image_of(*newest)) : std::nullopt;
}

Result<KernelSource> source(const std::string& asked, const std::string& image) {
  KTAPE_TRY(check_readable(image));
  return KernelSource{asked, image, config_beside(image)};
}

// An image, or a folder with one.
Result<KernelSource> at_path(const std::string& asked, const std::string& path) {
  if (!is_folder(path)) return source(asked, path);
  KTAPE_ASSIGN(const std::string image, image_in_tree(path));
  KTAPE_ASSIGN(KernelSource found, source(asked, image));
  const fs::path config = fs::path(path) / ".config";
  // A tree's configuration is in .config; beside its image there is none.
  found.config_path = is_file(config) ? config.string() : "";
  return found;
}

std::string list_of(const std::vector<std::string>& versions) {
  std::string text;
  for (const std::string& version : versions) text += (text.empty() ? "" : ", ") + version;
  return text;
}

Error no_host_kernel() {
  return Error{
      ErrorCode::kNotFound,
      "the kernel of this host has no image '" + boot_image(host_release()) + "'",
      "give --kernel the path of its bzImage, or a version that 'ktape kernel list' shows"};
}

Error not_cached(const std::string& version, const std::vector<std::string>& cached) {
  return Error{ErrorCode::kNotFound,
               "kernel '" + version + "' is not in the cache '" + kernel_cache_folder() + "'" +
                   (cached.empty() ? "" : "; cached: " + list_of(cached)),
               can_be_fetched(version)
                   ? "fetch it with 'ktape kernel fetch " + version +
                         "'; 'ktape kernel list' lists what there is"
                   : "list the kernels that can be fetched with 'ktape kernel list', or give "
                     "--kernel the path of a bzImage, a vmlinux or a kernel tree"};
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
    // Flavours (-rt, -generic) must be asked for by name.
    return version.find('-') == std::string::npos &&
           ::strverscmp(version.c_str(), kFirstWithSchedExt) >= 0;
  });
  return newest == cached.rend() ? kDefaultKernel : *newest;
}

std::string named_kernel(const std::string& asked) {
  if (asked.empty()) return default_kernel();
  return asked == kHostKernel ? host_release() : asked;
}

Result<KernelSource> find_kernel(const std::string& asked) {
  const std::string name = named_kernel(asked);
  // A path or file is taken at its word. A folder comes last, so that one that happens to be named
  // like a version hides nothing.
  if (name.find('/') != std::string::npos || is_file(name)) return at_path(name, name);
  const std::vector<std::string> cached = cached_versions();
  if (std::optional<std::string> image = cached_image(cached, name)) return source(name, *image);
  if (is_file(boot_image(name))) return source(name, boot_image(name));
  // A tree without a '/', such as "linux".
  if (is_folder(name)) return at_path(name, name);
  if (name == host_release()) return no_host_kernel();
  return not_cached(name, cached);
}

}  // namespace ktape
