// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel_command_line.h"

namespace ktape {

std::string kernel_command_line(const CommandLineOptions& options) {
  // panic=-1: reboot at once, which ends QEMU (-no-reboot); the console has told of the panic by then.
  // no_timer_check: what a kernel sets by itself under KVM (arch/x86/kernel/kvm.c). Under TCG on a busy
  // host the check fails, and the guest panics: "IO-APIC + timer doesn't work!".
  std::string line = "console=ttyS0 panic=-1 no_timer_check";
  if (options.fast_boot) {
    line +=
        " mitigations=off audit=0 lsm= nowatchdog cryptomgr.notests random.trust_cpu=on"
        " raid=noautodetect initcall_blacklist=load_system_certificate_list,jent_mod_init,init_encrypted,"
        "crypto_kdf108_init,crypto_hkdf_module_init,libaescfb_init,init_ima,nvme_core_init,fscrypt_init,"
        "load_module_cert,init_evm";
  }
  if (!options.extra.empty()) line += " " + options.extra;
  return line;
}

}  // namespace ktape
