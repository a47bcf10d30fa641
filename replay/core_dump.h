// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/journal/page_list.h"
#include "schema/record.capnp.h"

namespace ktape {

// A freeze as an ELF core file of the kernel, for drgn, crash and the like:
//
//   PT_NOTE   NT_PRSTATUS for each vCPU, with what the tape has of its registers (RIP, privilege level,
//             interrupt flag) and its task's pid; VMCOREINFO
//   PT_LOAD   for each run of neighbouring frames that were captured: p_paddr is guest-physical, p_vaddr the
//             address in the direct map. Frames known to be zero are holes of the file
//
// As Documentation/admin-guide/kdump and fs/proc/vmcore.c have it.
struct CoreSource {
  std::vector<FreezePage> rows;  // of the freeze, by frame
  std::function<Result<std::vector<std::byte>>(const Digest&)> load;
  schema::KernelIdentified::Reader kernel;
  schema::Frozen::Reader frozen;
};

struct CoreFacts {
  uint64_t segments = 0;
  uint64_t pages = 0;  // written
  uint64_t bytes = 0;  // of physical memory
  uint64_t vcpus = 0;
};

// Writes a new file. `progress`: pages written so far, of how many. kUsage when `path` exists; kNotApplicable
// when the kernel has no VMCOREINFO, without which no tool opens a core, or nothing was captured;
// kOutOfRange for more segments or bytes than a file has. What was begun is removed when it fails.
[[nodiscard]] Result<CoreFacts> write_core(const CoreSource& source, const std::string& path,
                                           const std::function<void(uint64_t, uint64_t)>& progress);

}  // namespace ktape
