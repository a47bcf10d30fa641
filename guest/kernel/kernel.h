// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/image/symbol_table.h"
#include "guest/kernel/types/btf.h"
#include "guest/memory/guest_memory.h"
#include "guest/memory/page_walk.h"
#include "schema/base/page_buffer.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// What an image alone tells, before any guest runs. Shared by all that look at the same kernel.
struct KernelKnowledge {
  std::string release;  // from the banner: "6.16.12+deb13-cloud-amd64"
  std::string banner;
  std::vector<std::byte> build_id;
  uint32_t hz = 0;  // from what jiffies_64 begins with; 0: not known
  SymbolTable symbols;
  std::unique_ptr<Btf> btf;
  std::vector<std::byte> btf_raw;

  [[nodiscard]] bool has_sched_ext() const;  // by presence in BTF, never by version
};

// From a vmlinux. kBadInput says what it is instead or what it lacks (BTF, kallsyms), without a
// name for it. Nothing points into `vmlinux` afterwards.
[[nodiscard]] Result<std::shared_ptr<const KernelKnowledge>> learn_kernel(
    std::span<const std::byte> vmlinux);
// The same, in less memory: what is not needed of `vmlinux` is given back beforehand.
[[nodiscard]] Result<std::shared_ptr<const KernelKnowledge>> learn_kernel(PageBuffer&& vmlinux);

// What adoption found out in the memory of a running kernel.
struct KernelFacts {
  uint64_t slide = 0;  // run-time minus link-time address of kernel text
  uint64_t phys_base = 0;
  uint64_t page_offset = 0;
  int paging_levels = 4;
  uint32_t hz = 0;         // 0: not known
  uint32_t cpus = 0;       // nr_cpu_ids
  std::string banner;      // as in guest memory
  std::string preemption;  // e.g. "PREEMPT_DYNAMIC (lazy)"; empty when the banner says nothing
  std::string vmcoreinfo;  // text; empty when the guest has none
  bool vmcoreinfo_agrees = false;  // the slide equals its KERNELOFFSET
};

// A running kernel, understood. Works on any GuestMemory that holds the same kernel: live, or
// recorded. Not bound to one memory: each call names the memory that it reads.
class Kernel {
 public:
  // Finds the kernel in memory by its banner (`linux_banner` in init/version-timestamp.c), takes
  // slide, phys_base, page tables and per-CPU offsets, and checks them against each other: the page
  // tables must lead to the banner that was found, and each CPU's `this_cpu_off` must be its
  // offset. kNotFound when the image's banner is nowhere in RAM (another kernel, or not booted
  // yet), or the kernel has not set up its page tables or per-CPU areas yet; kBadInput when a
  // symbol that this needs is missing.
  [[nodiscard]] static Result<Kernel> adopt(std::shared_ptr<const KernelKnowledge> knowledge,
                                            const GuestMemory& memory);

  // The kernel that was adopted when a tape was recorded, from the facts that the tape kept. Looks
  // at no memory: per-CPU offsets are read from whatever memory is asked about. The facts may be a
  // stranger's: kBadInput when they are not possible, or a symbol that this needs is missing.
  [[nodiscard]] static Result<Kernel> restore(std::shared_ptr<const KernelKnowledge> knowledge,
                                              KernelFacts facts);

  [[nodiscard]] const KernelKnowledge& knowledge() const { return *knowledge_; }
  [[nodiscard]] const Btf& btf() const { return *knowledge_->btf; }
  [[nodiscard]] const KernelFacts& facts() const { return facts_; }

  // Run-time address of a symbol; of a per-CPU one that of its template, which is no CPU's.
  // kNotFound.
  [[nodiscard]] Result<GuestVirtual> symbol(std::string_view name) const;
  // Run-time address of a CPU's instance of a per-CPU symbol. kNotFound, also for a symbol that is
  // not per-CPU; kOutOfRange for a CPU that does not exist.
  [[nodiscard]] Result<GuestVirtual> per_cpu(const GuestMemory& memory, std::string_view name,
                                             CpuId cpu) const;
  // The instance, on `cpu`, of what a per-CPU pointer names (__percpu, as per_cpu_ptr() would).
  [[nodiscard]] Result<GuestVirtual> per_cpu_pointer(const GuestMemory& memory, uint64_t pointer,
                                                     CpuId cpu) const;

  // By the kernel's own tables (init_top_pgt). Errors are those of `walk`, for reads and writes
  // also those of the memory.
  [[nodiscard]] Result<GuestPhysical> translate(const GuestMemory& memory,
                                                GuestVirtual address) const;
  // Bytes at a kernel virtual address; pages need not be contiguous. A write translates all its
  // pages before it writes the first.
  [[nodiscard]] Result<void> read(const GuestMemory& memory, GuestVirtual address,
                                  std::span<std::byte> out) const;
  [[nodiscard]] Result<void> write(WritableGuestMemory& memory, GuestVirtual address,
                                   std::span<const std::byte> bytes) const;
  // Little-endian unsigned value of 1, 2, 4 or 8 bytes; kUsage for another width.
  [[nodiscard]] Result<uint64_t> read_uint(const GuestMemory& memory, GuestVirtual address,
                                           size_t width) const;

  // "schedule+0x1c" for a run-time address in kernel text or data (_text to _end); empty when it is
  // none.
  [[nodiscard]] std::string describe(GuestVirtual address) const;

 private:
  Kernel() = default;
  [[nodiscard]] Result<void> place(const GuestMemory& memory);
  [[nodiscard]] Result<void> adopt_cpus(const GuestMemory& memory);
  [[nodiscard]] Result<void> check_cpu(const GuestMemory& memory, CpuId cpu) const;
  void adopt_facts(const GuestMemory& memory);
  // The page that an address is in, by the tables or by what `memory` remembers of them.
  [[nodiscard]] Result<Mapping> mapping(const GuestMemory& memory, GuestVirtual address) const;
  [[nodiscard]] GuestVirtual at_run_time(uint64_t link_address) const;
  [[nodiscard]] Result<uint64_t> read_symbol(const GuestMemory& memory, std::string_view name,
                                             size_t width) const;

  std::shared_ptr<const KernelKnowledge> knowledge_;
  KernelFacts facts_;
  PageTables tables_;
  // __per_cpu_offset[], as adoption found it; empty in a restored kernel, which reads it when
  // asked.
  std::vector<uint64_t> per_cpu_offsets_;
};

}  // namespace ktape
