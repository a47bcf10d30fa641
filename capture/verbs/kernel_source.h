// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "schema/base/result.h"

namespace ktape {

inline constexpr char kDefaultKernelText[] = "6.16.12, or the newest in the cache";

// A kernel that was asked for, found.
struct KernelSource {
  std::string asked;        // as given: a version or a path
  std::string path;         // of the image
  std::string config_path;  // of its configuration; empty when there is none beside it
};

// `asked` is a path when it holds a '/' or names an existing file, else a version in the kernel
// cache
// (`tools/kernel fetch` fills it), or a series, "6.17", for the newest version of it there.
// kNotFound says which are there, and has the command that lists the others as its hint.
[[nodiscard]] Result<KernelSource> find_kernel(const std::string& asked);

// For those who name no kernel: 6.16.12, or where the cache has no such, its newest cloud kernel
// that has sched_ext. Where it has none, 6.16.12 all the same, which find_kernel() then does not
// find.
[[nodiscard]] std::string default_kernel();

// ${XDG_CACHE_HOME:-~/.cache}/ktape/kernels
[[nodiscard]] std::string kernel_cache_folder();

}  // namespace ktape
