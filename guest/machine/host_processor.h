// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape {

// What the processor of this host says of itself, and who runs it. On a host that is itself a
// guest, or emulated, a guest's time is further from that of real hardware than the accelerator
// alone tells.
struct HostProcessor {
  bool known = false;           // false: it was not asked, being none of x86
  std::string model;            // "model name" of /proc/cpuinfo; empty where the host does not say
  std::string vendor;           // CPUID leaf 0: "AuthenticAMD"
  bool hypervisor = false;      // leaf 1, ECX bit 31, which is clear on real hardware
  std::string hypervisor_name;  // leaf 0x40000000: "KVMKVMKVM", "Microsoft Hv", "TCGTCGTCGTCG"
  std::string kvm_nested;  // parameter `nested` of kvm_amd or kvm_intel; empty: neither is loaded
  uint32_t cpus = 0;       // that this process may run on; 0: not known
};

[[nodiscard]] HostProcessor host_processor();

}  // namespace ktape
