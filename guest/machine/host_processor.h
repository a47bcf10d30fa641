// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape {

// What CPUID says about the host's CPUs, and which hypervisor runs the host, if any. On a host that
// is itself a guest or emulated, the guest's timing differs from real hardware more than the
// accelerator alone suggests.
struct HostProcessor {
  bool known = false;           // false: not read, because the host is not x86
  std::string model;            // "model name" of /proc/cpuinfo; empty if not there
  std::string vendor;           // CPUID leaf 0: "AuthenticAMD"
  bool hypervisor = false;      // leaf 1, ECX bit 31, which is clear on real hardware
  std::string hypervisor_name;  // leaf 0x40000000: "KVMKVMKVM", "Microsoft Hv", "TCGTCGTCGTCG"
  std::string kvm_nested;       // parameter `nested` of kvm_amd or kvm_intel; empty: neither loaded
  uint32_t cpus = 0;            // number that this process may run on; 0: unknown
};

// Does not fail: what cannot be read stays at its default.
[[nodiscard]] HostProcessor host_processor();

}  // namespace ktape
