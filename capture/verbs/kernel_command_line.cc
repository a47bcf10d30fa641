// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_command_line.h"

namespace ktape {

namespace {

// What follows was chosen by what it saves of a boot, of 2.9 s under TCG, on 6.16.12: tools/bench
// --curves
// --only boot-options. tools/benchmarks/README.md has what was tried besides, and left.

// console=ttyS0: the console that is there first. A virtio console saves nothing, and would lose
// what a kernel says that dies before it has one. Nor is it made quieter: the tape would lose the
// kernel's own words. panic=-1: reboot at once, which ends QEMU (-no-reboot); the console has told
// of the panic by then. no_timer_check: what a kernel sets by itself under KVM
// (arch/x86/kernel/kvm.c). Under TCG on a busy host the check fails, and the guest panics: "IO-APIC
// + timer doesn't work!". It saves nothing. cryptomgr.notests: the crypto algorithms do not try
// themselves out before they are used; they are all there, and nothing else is another. Saves 350
// ms, and 640 ms of the processor's time.
constexpr char kDefault[] = "console=ttyS0 panic=-1 no_timer_check cryptomgr.notests";

// Initcalls that the kernel does without. Each leaves something out of it, which is why they are
// not the default. load_system_certificate_list: the keys that signatures of modules are checked
// with. Saves 140 ms. jent_mod_init: the random number generator of the crypto API that tests its
// noise first. Saves 180 ms.
constexpr char kFast[] = "initcall_blacklist=load_system_certificate_list,jent_mod_init";

}  // namespace

std::string kernel_command_line(const CommandLineOptions& options) {
  std::string line = kDefault;
  if (options.fast_boot) line += std::string(" ") + kFast;
  if (!options.extra.empty()) line += " " + options.extra;
  return line;
}

}  // namespace ktape
