// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace ktape {

// The result of checking one thing that a capture needs or can use on this host.
struct HostFact {
  std::string name;     // "QEMU"
  bool ok = false;      // fully usable
  bool needed = true;   // no capture is possible without it
  std::string detail;   // what was found
  std::string hint;     // how to fix it, if not ok
  std::string package;  // that fixes it, by the name that Debian gives it; may be empty
  std::string fix;      // the command that fixes it; may be empty
};

struct HostProbe {
  std::string qemu_program = "qemu-system-x86_64";
  std::string kvm_device = "/dev/kvm";
  // Kernel for the KVM test; without one, /dev/kvm is only opened.
  std::string kernel_path;
  // How long the kernel may take to print. KVM passes only if the guest prints a byte on its
  // console, because a broken KVM may accept a kernel and never run it.
  std::chrono::milliseconds kvm_prints_within{20000};
};

// Checks QEMU, KVM and memfds by using them: starts QEMU for its version and, if there is a kernel,
// boots it under KVM. May take as long as `kvm_prints_within`. Changes nothing on the host.
[[nodiscard]] std::vector<HostFact> probe_host(const HostProbe& probe);

}  // namespace ktape
