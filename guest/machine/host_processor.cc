// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/host_processor.h"

#include <sched.h>

#include <cstring>

#include "schema/base/file.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ktape {

namespace {

// Grows with the number of CPUs: about 1.5 KiB for each.
constexpr size_t kMaxCpuInfoBytes = size_t{16} << 20;
constexpr size_t kMaxParameterBytes = 64;

std::string model_name() {
  const Result<std::string> info = read_text_file("/proc/cpuinfo", kMaxCpuInfoBytes);
  if (!info.ok()) return "";
  const size_t at = info->find("model name");
  if (at == std::string::npos) return "";
  const size_t colon = info->find(": ", at);
  const size_t end = info->find('\n', at);
  if (colon == std::string::npos || end == std::string::npos || colon > end) return "";
  return info->substr(colon + 2, end - colon - 2);
}

std::string nested_parameter() {
  // At most one is loaded on a host: the two drivers need different CPUs.
  for (const char* module : {"kvm_amd", "kvm_intel"}) {
    Result<std::string> value = read_text_file(
        std::string("/sys/module/") + module + "/parameters/nested", kMaxParameterBytes);
    if (!value.ok()) continue;
    while (value->ends_with('\n')) value->pop_back();
    return *value;
  }
  return "";
}

#if defined(__x86_64__)
// The text that a CPUID leaf returns in three registers, 4 bytes each, up to the first NUL. The
// order of the registers differs between leaves, so the caller gives them in order.
std::string leaf_text(uint32_t first, uint32_t second, uint32_t third) {
  char text[13] = {};
  std::memcpy(text, &first, sizeof first);
  std::memcpy(text + 4, &second, sizeof second);
  std::memcpy(text + 8, &third, sizeof third);
  return text;
}

void ask_processor(HostProcessor& host) {
  constexpr uint32_t kHypervisorBit = uint32_t{1} << 31;
  constexpr uint32_t kHypervisorLeaf = 0x40000000;
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0) return;
  host.known = true;
  host.vendor = leaf_text(ebx, edx, ecx);
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return;
  host.hypervisor = (ecx & kHypervisorBit) != 0;
  if (!host.hypervisor) return;
  // Above the maximum leaf reported by leaf 0, so __get_cpuid() would reject it.
  __cpuid(kHypervisorLeaf, eax, ebx, ecx, edx);
  host.hypervisor_name = leaf_text(ebx, ecx, edx);
}
#else
void ask_processor(HostProcessor&) {}
#endif

// Not the number of CPUs online: in a container or under taskset a capture has fewer, and its vCPUs
// then wait for each other.
uint32_t usable_cpus() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<uint32_t>(CPU_COUNT(&set)) : 0;
}

}  // namespace

HostProcessor host_processor() {
  HostProcessor host;
  host.model = model_name();
  ask_processor(host);
  host.kvm_nested = nested_parameter();
  host.cpus = usable_cpus();
  return host;
}

}  // namespace ktape
