// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace ktape {

// One thing that a capture needs or would like of this host.
struct HostFact {
  std::string name;    // "QEMU"
  bool ok = false;     // as good as it can be
  bool needed = true;  // without it no capture is possible
  std::string detail;  // what was found
  std::string hint;    // what mends it, where it is not ok
};

struct HostProbe {
  std::string qemu_program = "qemu-system-x86_64";
  // Tried under KVM; without one KVM is only opened.
  std::string kernel_path;
  // How long that may take to print. A KVM is called good for the first byte on the guest's console
  // alone: it may take a kernel, and never run it.
  std::chrono::milliseconds kvm_prints_within{20000};
};

// Looks at QEMU, KVM and memfds by using them.
[[nodiscard]] std::vector<HostFact> probe_host(const HostProbe& probe);

}  // namespace ktape
