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

// What a core file is made of.
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
  uint64_t vcpus_unknown = 0;       // none of their registers is on the tape
  uint64_t vcpus_without_most = 0;  // an older recorder kept but three
};

// Writes a freeze as an ELF core file of the kernel, for drgn, crash and the like, as
// crash_prepare_elf64_headers (kernel/crash_core.c) lays it out:
//
//   PT_NOTE   NT_PRSTATUS for each vCPU, with its registers as a user_regs_struct (sys/user.h;
//   orig_rax is 0)
//             and its task's pid; VMCOREINFO. Of a tape from before registers were kept it has RIP,
//             and CS and EFLAGS by what the tape says of privilege level and interrupt flag
//   PT_LOAD   the kernel's image by the addresses at which it runs: readers find the page tables in
//   it PT_LOAD   each run of neighbouring frames that were captured: p_paddr is guest-physical,
//   p_vaddr the
//             address in the direct map. Frames known to be zero are holes of the file
//
// The file is new. `progress`: pages written so far, of how many. kUsage when `path` exists;
// kNotApplicable when the kernel has no VMCOREINFO, without which no tool opens a core, or its
// image was not captured; kOutOfRange for more segments or bytes than a file has. What was begun is
// removed when it fails.
[[nodiscard]] Result<CoreFacts> write_core(const CoreSource& source, const std::string& path,
                                           const std::function<void(uint64_t, uint64_t)>& progress);

}  // namespace ktape
