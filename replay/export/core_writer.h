// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"
#include "schema/tape/page_list.h"

namespace ktape {

// Where the kernel's image (_text to _end) is.
struct ImagePlace {
  GuestVirtual start;
  GuestPhysical physical;
  uint64_t bytes = 0;
};

// The contents of a core file. What the readers refer to outlives the call of write_core().
struct CoreSource {
  std::vector<FreezePage> rows;  // of the freeze, by frame
  std::function<Result<std::vector<std::byte>>(const Digest&)> load;
  schema::KernelIdentified::Reader kernel;
  schema::Frozen::Reader frozen;
  ImagePlace image;
};

struct CoreFacts {
  uint64_t segments = 0;
  uint64_t pages = 0;  // written
  uint64_t bytes = 0;  // of physical memory
  uint64_t vcpus = 0;
  uint64_t vcpus_unknown = 0;       // none of their registers are on the tape
  uint64_t vcpus_without_most = 0;  // an older recorder kept only three
};

// Writes a freeze as an ELF core file of the kernel, for drgn, crash and similar tools, laid out as
// by crash_prepare_elf64_headers (kernel/crash_core.c):
//
//   PT_NOTE: NT_PRSTATUS for each vCPU, with its registers as a user_regs_struct (sys/user.h;
//   orig_rax is 0) and its number + 1 as pid; VMCOREINFO. A tape from before registers were kept
//   has RIP, and CS and EFLAGS as derived from privilege level and interrupt flag. PT_LOAD: the
//   kernel's image at the addresses at which it runs: readers find the page tables in it. PT_LOAD:
//   each run of adjacent frames that were captured: p_paddr is guest-physical, p_vaddr the address
//   in the direct map. Frames known to be zero are holes in the file.
//
// The file must not exist. `progress`: pages written so far, and their total. kUsage if `path`
// exists; kNotApplicable if the kernel has no VMCOREINFO, without which no tool opens a core, or if
// its image was not captured; kOutOfRange for more segments or bytes than fit into a file. A file
// that is not completed is removed.
[[nodiscard]] Result<CoreFacts> write_core(const CoreSource& source, const std::string& path,
                                           const std::function<void(uint64_t, uint64_t)>& progress);

}  // namespace ktape
