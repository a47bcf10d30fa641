// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ktape {

// Whether a guest died of a known fault of QEMU's TCG with kernels that patch their code. The
// caller must know that it ran under TCG. `oops` is the text of an oops as on the console.
//
// To switch a static branch a kernel puts a breakpoint (int3) on the first byte of a jump or nop,
// changes the rest, and then that byte (smp_text_poke_batch_finish(),
// arch/x86/kernel/alternative.c); the breakpoint's handler redirects a CPU that runs into it
// meanwhile. If TCG has a thread for each vCPU, one of them occasionally executes the breakpoint
// from code that was translated before the kernel removed it: the handler knows no such breakpoint,
// and the oops shows a breakpoint trap in the kernel's text where there is no breakpoint. On a real
// processor that is impossible.
[[nodiscard]] bool is_patching_fault(std::string_view oops);

// The same for people; no full stop.
inline constexpr char kPatchingFault[] =
    "this is a known fault of QEMU's TCG: it traps a vCPU at a breakpoint that the kernel set to "
    "patch its code and has removed again; it says nothing about the kernel or the scheduler";

}  // namespace ktape
