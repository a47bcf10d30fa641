// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/verbs/kernel_source.h"
#include "guest/machine/host_probe.h"
#include "schema/base/result.h"

namespace ktape {

// What `ktape doctor` checks besides the machine (guest/machine/host_probe.h). Each fact has its
// remedy.

// `asked` is a kernel as for find_kernel(); empty: the default.
[[nodiscard]] HostFact kernel_fact(const Result<KernelSource>& source, const std::string& asked);

// Memory for a guest of the default size. `meminfo` is the text of /proc/meminfo.
[[nodiscard]] HostFact memory_fact(const std::string& meminfo);

// Whether tapes can be written to `folder`, and `free_bytes` suffices; nothing: not known.
[[nodiscard]] HostFact output_fact(const std::string& folder, std::optional<uint64_t> free_bytes);

// The same of the cache, where a kernel is unpacked as it is fetched.
[[nodiscard]] HostFact cache_fact(const std::string& folder, std::optional<uint64_t> free_bytes);

// The guest's agent and the scenarios, below share/ktape.
[[nodiscard]] HostFact agent_fact(const std::string& data_folder);
[[nodiscard]] HostFact scenarios_fact(const std::string& data_folder);

// The programs, of those that ktape runs besides QEMU, that are not in `folders`.
[[nodiscard]] HostFact programs_fact(const std::vector<std::string>& folders);

// This user's limits: the size of a file (guest RAM is one), memory, and open files.
struct Limits {
  rlim_t file_bytes = RLIM_INFINITY;
  rlim_t memory_bytes = RLIM_INFINITY;
  rlim_t files = RLIM_INFINITY;
};
[[nodiscard]] Limits current_limits();
[[nodiscard]] HostFact limits_fact(const Limits& limits);

// Free space for this user where a folder is or would be made.
[[nodiscard]] std::optional<uint64_t> free_bytes_at(const std::string& folder);

}  // namespace ktape
