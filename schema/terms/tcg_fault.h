// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ktape {

// Whether a guest died of what QEMU's TCG is known to do to kernels that patch their code; that it
// ran under TCG is for the caller to know. `oops` is the text of an oops as the console has it.
//
// To switch a static branch a kernel puts a breakpoint (int3) on the first byte of a jump or nop,
// changes the rest, and then that byte (smp_text_poke_batch_finish(),
// arch/x86/kernel/alternative.c); a CPU that comes by meanwhile is sent on by the breakpoint's
// handler. Where TCG has a thread for each vCPU, one of them now and then executes the breakpoint
// from code that was translated before the kernel took it back: the handler knows of none, and the
// oops shows a breakpoint trap in the kernel's text at which there is no breakpoint. On a processor
// that cannot be.
[[nodiscard]] bool is_patching_fault(std::string_view oops);

// The same for people; no full stop.
inline constexpr char kPatchingFault[] =
    "QEMU's TCG is known for this: it traps a vCPU at a breakpoint with which the kernel was "
    "patching its "
    "code, and "
    "which is gone again; that says nothing of kernel or scheduler";

}  // namespace ktape
