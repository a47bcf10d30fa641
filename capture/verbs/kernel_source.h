// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "schema/base/result.h"

namespace ktape {

inline constexpr char kDefaultKernelText[] = "6.16.12, or the newest in the cache";

// A kernel image that was found.
struct KernelSource {
  std::string asked;        // as given: a version or a path
  std::string path;         // path of the image
  std::string config_path;  // path of its configuration; empty if there is none beside the image
};

// `asked` is a path if it contains a '/' or names an existing file. Otherwise it is a version in
// the kernel cache (filled by `tools/kernel fetch`), or a series such as "6.17", which means the
// newest cached version of that series. kNotFound lists the cached versions; its hint names the
// command that lists the others.
[[nodiscard]] Result<KernelSource> find_kernel(const std::string& asked);

// The kernel when none is given: 6.16.12, or, if that is not cached, the newest cached cloud kernel
// that has sched_ext. If there is none, still 6.16.12, and find_kernel() then fails.
[[nodiscard]] std::string default_kernel();

// ${XDG_CACHE_HOME:-~/.cache}/ktape/kernels
[[nodiscard]] std::string kernel_cache_folder();

}  // namespace ktape
