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

// What an image alone shows, before any guest runs. Immutable and shared by all users of the same
// kernel, so that BTF and symbols are decoded once per process.
struct KernelKnowledge {
  std::string release;  // from the banner: "6.16.12+deb13-cloud-amd64"
  std::string banner;
  std::vector<std::byte> build_id;
  uint32_t hz = 0;  // from the initial value of jiffies_64; 0: unknown
  SymbolTable symbols;
  std::unique_ptr<Btf> btf;
  std::vector<std::byte> btf_raw;

  [[nodiscard]] bool has_sched_ext() const;  // decided by BTF, never by version
};

// Learns from a vmlinux. kBadInput says what it is instead or what it lacks (BTF, kallsyms),
// without naming the file. Nothing points into `vmlinux` afterwards.
[[nodiscard]] Result<std::shared_ptr<const KernelKnowledge>> learn_kernel(
    std::span<const std::byte> vmlinux);
// The same with less memory: frees the unneeded parts of `vmlinux` first.
[[nodiscard]] Result<std::shared_ptr<const KernelKnowledge>> learn_kernel(PageBuffer&& vmlinux);

// What adoption found in the memory of a running kernel.
struct KernelFacts {
  uint64_t slide = 0;  // run-time minus link-time address of kernel text
  uint64_t phys_base = 0;
  uint64_t page_offset = 0;
  int paging_levels = 4;
  uint32_t hz = 0;                 // 0: unknown
  uint32_t cpus = 0;               // nr_cpu_ids
  std::string banner;              // as in guest memory
  std::string preemption;          // e.g. "PREEMPT_DYNAMIC (lazy)"; empty if the banner has none
  std::string vmcoreinfo;          // text; empty if the guest has none
  bool vmcoreinfo_agrees = false;  // the slide equals its KERNELOFFSET
};

// An adopted, running kernel. Works on any GuestMemory with the same kernel, live or recorded. Not
// bound to one memory: each call takes the memory to read. Keeps nothing that a running guest can
// change; const calls are as thread-safe as the memory.
class Kernel {
 public:
  // Finds the kernel in memory by its banner (`linux_banner` in init/version-timestamp.c), derives
  // slide, phys_base, page tables and per-CPU offsets, and cross-checks them: the page tables must
  // lead to the banner found, and each CPU's `this_cpu_off` must equal its offset. kNotFound if the
  // image's banner is nowhere in RAM (another kernel, or not booted yet), or the kernel has not set
  // up its page tables or per-CPU areas yet; kBadInput if a required symbol is missing.
  [[nodiscard]] static Result<Kernel> adopt(std::shared_ptr<const KernelKnowledge> knowledge,
                                            const GuestMemory& memory);

  // Restores the kernel that was adopted when a tape was recorded, from the facts on the tape.
  // Reads no memory: per-CPU offsets are read later, from the memory passed to each call. The facts
  // are untrusted: kBadInput if they are impossible, or a required symbol is missing.
  [[nodiscard]] static Result<Kernel> restore(std::shared_ptr<const KernelKnowledge> knowledge,
                                              KernelFacts facts);

  [[nodiscard]] const KernelKnowledge& knowledge() const { return *knowledge_; }
  [[nodiscard]] const Btf& btf() const { return *knowledge_->btf; }
  [[nodiscard]] const KernelFacts& facts() const { return facts_; }

  // Run-time address of a symbol; for a per-CPU symbol, the address of its template, which belongs
  // to no CPU. kNotFound.
  [[nodiscard]] Result<GuestVirtual> symbol(std::string_view name) const;
  // Run-time address of a CPU's instance of a per-CPU symbol. kNotFound, also for a symbol that is
  // not per-CPU; kOutOfRange for a CPU that does not exist.
  [[nodiscard]] Result<GuestVirtual> per_cpu(const GuestMemory& memory, std::string_view name,
                                             CpuId cpu) const;
  // The instance on `cpu` of the target of a per-CPU pointer (__percpu), like per_cpu_ptr(). The
  // sum is not checked: `pointer` may be untrusted, and a read shows whether anything is there.
  [[nodiscard]] Result<GuestVirtual> per_cpu_pointer(const GuestMemory& memory, uint64_t pointer,
                                                     CpuId cpu) const;

  // Uses the kernel's own tables (init_top_pgt). Errors are those of `walk`, and for reads and
  // writes also those of the memory.
  [[nodiscard]] Result<GuestPhysical> translate(const GuestMemory& memory,
                                                GuestVirtual address) const;
  // Bytes at a kernel virtual address; the pages need not be contiguous. A read that fails may have
  // filled a part of `out`. A write translates all its pages before it writes the first, so it
  // fails before it has changed anything.
  [[nodiscard]] Result<void> read(const GuestMemory& memory, GuestVirtual address,
                                  std::span<std::byte> out) const;
  [[nodiscard]] Result<void> write(WritableGuestMemory& memory, GuestVirtual address,
                                   std::span<const std::byte> bytes) const;
  // Little-endian unsigned value of 1, 2, 4 or 8 bytes; kUsage for another width.
  [[nodiscard]] Result<uint64_t> read_uint(const GuestMemory& memory, GuestVirtual address,
                                           size_t width) const;

  // "schedule+0x1c" for a run-time address in kernel text or data (_text to _end); empty otherwise.
  [[nodiscard]] std::string describe(GuestVirtual address) const;

 private:
  Kernel() = default;
  [[nodiscard]] Result<void> place(const GuestMemory& memory);
  [[nodiscard]] Result<void> adopt_cpus(const GuestMemory& memory);
  [[nodiscard]] Result<void> check_cpu(const GuestMemory& memory, CpuId cpu) const;
  void adopt_facts(const GuestMemory& memory);
  // The page that contains an address, from the tables or from `memory`'s translation cache.
  [[nodiscard]] Result<Mapping> mapping(const GuestMemory& memory, GuestVirtual address) const;
  [[nodiscard]] GuestVirtual at_run_time(uint64_t link_address) const;
  [[nodiscard]] Result<uint64_t> read_symbol(const GuestMemory& memory, std::string_view name,
                                             size_t width) const;

  std::shared_ptr<const KernelKnowledge> knowledge_;
  KernelFacts facts_;
  PageTables tables_;
  // __per_cpu_offset[] as found by adoption; empty in a restored kernel, which reads it on demand.
  std::vector<uint64_t> per_cpu_offsets_;
};

}  // namespace ktape
