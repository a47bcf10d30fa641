// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "schema/base/result.h"

namespace ktape {

inline constexpr char kDefaultKernelText[] = "6.16.12, or the newest in the cache";
inline constexpr char kKernelHelp[] =
    R"(A cached version ('ktape kernel list'), 'host' or a release in /boot, or the path of a
bzImage, a vmlinux or a kernel tree)";

// A kernel image that was found.
struct KernelSource {
  std::string asked;        // as given: a version, a release or a path
  std::string path;         // path of the image
  std::string config_path;  // path of its configuration; empty if there is none beside the image
};

// `asked` is one of
// - a path, if it contains a '/' or names an existing file: an image, or a kernel tree (see
//   image_in_tree());
// - a version in the kernel cache (filled by `ktape kernel fetch`), or a series such as "6.17",
//   which means the newest cached version of that series;
// - the release of a kernel in /boot, or "host", which means the running one;
// - a kernel tree in the current folder.
// kNotFound lists the cached versions; its hint names the command that fetches the kernel if it can
// be fetched, and else the one that lists what can be.
[[nodiscard]] Result<KernelSource> find_kernel(const std::string& asked);

// `asked` with a name that means the same kernel tomorrow: the default if it is empty, the release
// if it is "host".
[[nodiscard]] std::string named_kernel(const std::string& asked);

// The kernel when none is given: 6.16.12, or, if that is not cached, the newest cached cloud kernel
// that has sched_ext. If there is none, still 6.16.12, and find_kernel() then fails.
[[nodiscard]] std::string default_kernel();

// ${XDG_CACHE_HOME:-~/.cache}/ktape/kernels
[[nodiscard]] std::string kernel_cache_folder();

}  // namespace ktape
