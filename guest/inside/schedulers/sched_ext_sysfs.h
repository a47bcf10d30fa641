// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ktape {

// What the kernel's /sys/kernel/sched_ext says (kernel/sched/ext.c, scx_global_attrs and
// scx_sched_attrs).
struct SchedExtView {
  std::string state;  // "enabled", "disabled", ...; empty where the kernel has no sched_ext
  std::string enable_sequence;     // counts attachments; empty on kernels without it
  std::vector<std::string> names;  // of the attached schedulers, the root scheduler's first

  bool operator==(const SchedExtView&) const = default;
};

// `folder` is where sysfs is mounted, and "/kernel/sched_ext". What is not there is empty.
[[nodiscard]] SchedExtView read_sched_ext(const std::string& folder);

}  // namespace ktape
