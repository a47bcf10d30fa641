// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_command_line.h"

namespace ktape {

namespace {

// Chosen by the boot time they save, out of 2.9 s under TCG on 6.16.12: tools/bench --curves --only
// boot-options. tools/benchmarks/README.md lists what else was tried and rejected.

// console=ttyS0: the console that exists first. A virtio console saves nothing and would lose the
// messages of a kernel that dies before it has one. The console is not made quieter either: the
// tape would lose the kernel's messages.
//
// panic=-1: reboot at once, which ends QEMU (-no-reboot). The panic is on the console by then.
//
// no_timer_check: a kernel sets this by itself under KVM (arch/x86/kernel/kvm.c). Under TCG on a
// busy host the check fails and the guest panics: "IO-APIC + timer doesn't work!". It saves no
// time.
//
// cryptomgr.notests: crypto algorithms skip their self-tests before use; all of them are still
// there, unchanged. Saves 350 ms, and 640 ms of CPU time.
constexpr char kDefault[] = "console=ttyS0 panic=-1 no_timer_check cryptomgr.notests";

// Initcalls that the kernel can do without. Each removes something from it, so they are not the
// default.
//
// load_system_certificate_list: the keys that module signatures are checked with. Saves 140 ms.
//
// jent_mod_init: the random number generator of the crypto API that first tests its noise source.
// Saves 180 ms.
constexpr char kFast[] = "initcall_blacklist=load_system_certificate_list,jent_mod_init";

}  // namespace

std::string kernel_command_line(const CommandLineOptions& options) {
  std::string line = kDefault;
  if (options.fast_boot) line += std::string(" ") + kFast;
  if (!options.extra.empty()) line += " " + options.extra;
  return line;
}

}  // namespace ktape
