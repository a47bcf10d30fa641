// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ktape {

// The contents of the kernel's /sys/kernel/sched_ext (kernel/sched/ext.c, scx_global_attrs and
// scx_sched_attrs).
struct SchedExtView {
  std::string state;            // "enabled", "disabled", ...; empty if the kernel has no sched_ext
  std::string enable_sequence;  // counts attachments; empty on kernels without it
  std::vector<std::string> names;  // of the attached schedulers, the root scheduler first

  bool operator==(const SchedExtView&) const = default;
};

// `folder` is the sysfs mount point plus "/kernel/sched_ext". What does not exist is empty.
[[nodiscard]] SchedExtView read_sched_ext(const std::string& folder);

}  // namespace ktape
