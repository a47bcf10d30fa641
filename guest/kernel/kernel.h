// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/btf.h"
#include "guest/kernel/guest_memory.h"
#include "guest/kernel/page_walk.h"
#include "guest/kernel/symbol_table.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// What an image alone tells, before any guest runs. Shared by all that look at the same kernel.
struct KernelKnowledge {
  std::string release;  // from the banner: "6.16.12+deb13-cloud-amd64"
  std::string banner;
  std::vector<std::byte> build_id;
  SymbolTable symbols;
  std::unique_ptr<Btf> btf;
  std::vector<std::byte> btf_raw;

  [[nodiscard]] bool has_sched_ext() const;  // by presence in BTF, never by version
};

// From a vmlinux. kBadInput names what is missing (no BTF, no kallsyms).
[[nodiscard]] Result<std::shared_ptr<const KernelKnowledge>> learn_kernel(std::span<const std::byte> vmlinux);

// What adoption found out in the memory of a running kernel.
struct KernelFacts {
  uint64_t slide = 0;  // run-time minus link-time address of kernel text
  uint64_t phys_base = 0;
  uint64_t page_offset = 0;
  int paging_levels = 4;
  uint32_t hz = 0;                 // 0: not known
  uint32_t cpus = 0;               // nr_cpu_ids
  std::string banner;              // as in guest memory
  std::string preemption;          // e.g. "PREEMPT_DYNAMIC"
  std::string vmcoreinfo;          // text; empty when the guest has none
  bool vmcoreinfo_agrees = false;  // the slide equals its KERNELOFFSET
};

// A running kernel, understood. Works on any GuestMemory that holds the same kernel: live, or recorded.
// Not bound to one memory: each call names the memory that it reads.
class Kernel {
 public:
  // Finds the kernel in memory by its banner (see FORMAT of `linux_banner` in init/version.c), takes
  // slide, phys_base, page tables and per-CPU offsets. kNotFound when the image's banner is nowhere in
  // RAM (another kernel, or not booted yet).
  [[nodiscard]] static Result<Kernel> adopt(std::shared_ptr<const KernelKnowledge> knowledge,
                                            const GuestMemory& memory);

  [[nodiscard]] const KernelKnowledge& knowledge() const { return *knowledge_; }
  [[nodiscard]] const Btf& btf() const { return *knowledge_->btf; }
  [[nodiscard]] const KernelFacts& facts() const { return facts_; }

  // Run-time address of an ordinary symbol; kNotFound.
  [[nodiscard]] Result<GuestVirtual> symbol(std::string_view name) const;
  // Run-time address of a CPU's instance of a per-CPU symbol. kNotFound; kOutOfRange for a CPU that
  // does not exist.
  [[nodiscard]] Result<GuestVirtual> per_cpu(const GuestMemory& memory, std::string_view name,
                                             CpuId cpu) const;
  // The instance, on `cpu`, of what a per-CPU pointer names (__percpu, as per_cpu_ptr() would).
  [[nodiscard]] Result<GuestVirtual> per_cpu_pointer(const GuestMemory& memory, uint64_t pointer,
                                                     CpuId cpu) const;

  // By the kernel's own tables (init_top_pgt).
  [[nodiscard]] Result<GuestPhysical> translate(const GuestMemory& memory, GuestVirtual address) const;
  // Bytes at a kernel virtual address; pages need not be contiguous.
  [[nodiscard]] Result<void> read(const GuestMemory& memory, GuestVirtual address,
                                  std::span<std::byte> out) const;
  [[nodiscard]] Result<void> write(WritableGuestMemory& memory, GuestVirtual address,
                                   std::span<const std::byte> bytes) const;
  // Little-endian unsigned value of 1, 2, 4 or 8 bytes.
  [[nodiscard]] Result<uint64_t> read_uint(const GuestMemory& memory, GuestVirtual address,
                                           size_t width) const;

  // "schedule+0x1c" for a run-time address in kernel text or data; empty when it is none.
  [[nodiscard]] std::string describe(GuestVirtual address) const;

 private:
  Kernel() = default;
  std::shared_ptr<const KernelKnowledge> knowledge_;
  KernelFacts facts_;
  PageTables tables_;
  std::vector<uint64_t> per_cpu_offsets_;  // __per_cpu_offset[]
  uint64_t per_cpu_start_ = 0;             // link address of the per-CPU area: 0 up to 6.14
};

}  // namespace ktape
