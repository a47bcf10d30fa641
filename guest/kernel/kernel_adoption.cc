// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "guest/kernel/image/banner.h"
#include "guest/kernel/kernel.h"

namespace ktape {
namespace {

// arch/x86/include/asm/page_64_types.h
constexpr uint64_t kKernelMap = 0xffffffff80000000;
constexpr uint64_t kPhysicalAlignment = uint64_t{2} << 20;  // smallest CONFIG_PHYSICAL_ALIGN
// CONFIG_RANDOMIZE_BASE randomizes within 1 GiB, KERNEL_IMAGE_SIZE
// (arch/x86/include/asm/page_64_types.h).
constexpr uint64_t kMaxSlide = uint64_t{1} << 30;
constexpr uint64_t kDirectMap4 = 0xffff888000000000;
constexpr uint64_t kDirectMap5 = 0xff11000000000000;

constexpr uint64_t kMaxCpus = 8192;  // largest NR_CPUS of x86-64
constexpr uint64_t kMaxVmcoreinfoBytes = 4096;

// A possible location of the kernel in RAM, and what was read there.
struct Placement {
  uint64_t slide = 0;
  uint64_t phys_base = 0;
  PageTables tables;
};

Error not_there(std::string message) { return Error{ErrorCode::kNotFound, std::move(message)}; }

// link_address(): a symbol that adoption cannot do without.
Result<uint64_t> link_address(const KernelKnowledge& knowledge, std::string_view name) {
  auto address = knowledge.symbols.find(name);
  if (address) return *address;
  return Error{ErrorCode::kBadInput, fmt::format("kernel has no symbol '{}'", name)};
}

// Merges adjacent ranges: the banner may cross a page boundary of recorded memory.
std::vector<PhysicalRange> merged(const std::vector<PhysicalRange>& ranges) {
  std::vector<PhysicalRange> result;
  for (const PhysicalRange& range : ranges) {
    bool adjoins = !result.empty() && (result.back().start + result.back().bytes) == range.start;
    if (adjoins) result.back().bytes += range.bytes;
    if (!adjoins) result.push_back(range);
  }
  return result;
}

// The places with `text` at `offset` within a 2 MiB step of RAM: KASLR moves the image by multiples
// of that, so only one place per step has to be compared.
Result<std::vector<GuestPhysical>> find_at_steps(const GuestMemory& memory, std::string_view text,
                                                 uint64_t offset) {
  KTAPE_ASSIGN(auto populated, memory.populated());
  std::vector<GuestPhysical> found;
  std::string seen(text.size(), '\0');
  for (const PhysicalRange& range : merged(populated)) {
    // May wrap around 2^64, which 2 MiB divides, so the remainder is right for any start.
    uint64_t skip = (offset - range.start.value) % kPhysicalAlignment;
    for (; skip + text.size() <= range.bytes; skip += kPhysicalAlignment) {
      GuestPhysical at = range.start + skip;
      auto out = std::as_writable_bytes(std::span(seen.data(), seen.size()));
      if (memory.read(at, out).ok() && seen == text) found.push_back(at);
    }
  }
  return found;
}

// The placement of the kernel if its banner is at `banner`; an error if that is not consistent.
Result<Placement> placement_at(const KernelKnowledge& knowledge, const GuestMemory& memory,
                               GuestPhysical banner) {
  KTAPE_ASSIGN(uint64_t banner_link, link_address(knowledge, "linux_banner"));
  KTAPE_ASSIGN(uint64_t text_link, link_address(knowledge, "_text"));
  KTAPE_ASSIGN(uint64_t phys_base_link, link_address(knowledge, "phys_base"));
  KTAPE_ASSIGN(uint64_t root_link, link_address(knowledge, "init_top_pgt"));
  // The image is contiguous and in link order. Where another symbol of the image is, given where
  // the banner is.
  auto physical = [&](uint64_t link) { return GuestPhysical(banner.value + (link - banner_link)); };
  Placement placement;
  KTAPE_TRY(memory.read(physical(phys_base_link),
                        std::as_writable_bytes(std::span(&placement.phys_base, 1))));
  // phys_base is what the kernel adds to turn the address of a symbol into a physical one, so it
  // and the physical place of _text together give the virtual slide.
  placement.slide = physical(text_link).value - placement.phys_base + kKernelMap - text_link;
  // A stale copy of the image (one that kexec or the decompressor left behind) has a phys_base that
  // does not fit its place, as a rule 0.
  if (placement.slide >= kMaxSlide || placement.slide % kPhysicalAlignment != 0) {
    return not_there(fmt::format("its phys_base {:#x} is not plausible", placement.phys_base));
  }
  // Memory does not reliably show the number of levels. With the wrong number, the walk does not
  // lead to the banner.
  for (int levels : {4, 5}) {
    placement.tables = {physical(root_link), levels};
    // The tables of the kernel that runs lead back to the banner that was found; those of a copy do
    // not.
    auto mapping = walk(memory, placement.tables, GuestVirtual(banner_link + placement.slide));
    if (mapping.ok() && mapping->address == banner) return placement;
  }
  return not_there("its page tables do not map it");
}

std::optional<uint64_t> kernel_offset_in(std::string_view vmcoreinfo) {
  constexpr std::string_view kKey = "KERNELOFFSET=";
  size_t start = vmcoreinfo.find(kKey);
  if (start == vmcoreinfo.npos) return std::nullopt;
  std::string_view digits = vmcoreinfo.substr(start + kKey.size());
  uint64_t value = 0;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return parsed.ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<Kernel> Kernel::adopt(std::shared_ptr<const KernelKnowledge> knowledge,
                             const GuestMemory& memory) {
  // In this order: the page tables are needed to read per-CPU offsets, and those to check CPUs.
  Kernel kernel;
  kernel.knowledge_ = std::move(knowledge);
  KTAPE_TRY(kernel.place(memory));
  KTAPE_TRY(kernel.adopt_cpus(memory));
  kernel.adopt_facts(memory);
  return kernel;
}

Result<Kernel> Kernel::restore(std::shared_ptr<const KernelKnowledge> knowledge,
                               KernelFacts facts) {
  if (facts.paging_levels != 4 && facts.paging_levels != 5) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("{} paging levels, expected 4 or 5", facts.paging_levels)};
  }
  if (facts.cpus == 0 || facts.cpus > kMaxCpus) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("{} CPUs, expected 1 to {}", facts.cpus, kMaxCpus)};
  }
  KTAPE_ASSIGN(uint64_t root_link, link_address(*knowledge, "init_top_pgt"));
  Kernel kernel;
  kernel.knowledge_ = std::move(knowledge);
  kernel.facts_ = std::move(facts);
  // __pa_symbol (arch/x86/include/asm/page.h) The address is from the tape and may be anything; a
  // walk from there fails like any other.
  uint64_t root = root_link + kernel.facts_.slide - kKernelMap + kernel.facts_.phys_base;
  kernel.tables_ = {GuestPhysical(root), kernel.facts_.paging_levels};
  // As adopt_cpus() found it: without the table of offsets, all are 0.
  if (!kernel.knowledge_->symbols.find("__per_cpu_offset"))
    kernel.per_cpu_offsets_.assign(kernel.facts_.cpus, 0);
  return kernel;
}

Result<void> Kernel::place(const GuestMemory& memory) {
  KTAPE_ASSIGN(uint64_t banner_link, link_address(*knowledge_, "linux_banner"));
  KTAPE_ASSIGN(auto hits,
               find_at_steps(memory, knowledge_->banner, banner_link % kPhysicalAlignment));
  if (hits.empty()) {
    return not_there(fmt::format("kernel '{}' is not in guest memory: its banner was not found",
                                 knowledge_->release));
  }
  // The image may be in memory more than once. The first consistent placement wins; if there is
  // none, the last reason is reported.
  std::optional<Error> why;
  for (GuestPhysical hit : hits) {
    auto placement = placement_at(*knowledge_, memory, hit);
    if (placement.ok()) {
      facts_.slide = placement->slide;
      facts_.phys_base = placement->phys_base;
      facts_.paging_levels = placement->tables.levels;
      tables_ = placement->tables;
      return {};
    }
    why = Error{placement.error().code,
                fmt::format("kernel '{}' at guest-physical {:#x} is not running: {}",
                            knowledge_->release, hit.value, placement.error().message)};
  }
  return *why;
}

Result<void> Kernel::adopt_cpus(const GuestMemory& memory) {
  const SymbolTable& symbols = knowledge_->symbols;
  // A kernel built for one CPU has neither symbol; its per-CPU variables are ordinary ones.
  if (!symbols.find("__per_cpu_offset")) {
    facts_.cpus = 1;
    per_cpu_offsets_ = {0};
    return {};
  }
  KTAPE_ASSIGN(uint64_t cpus, read_symbol(memory, "nr_cpu_ids", sizeof(uint32_t)));
  if (cpus == 0 || cpus > kMaxCpus)
    return not_there(fmt::format("kernel is not set up: nr_cpu_ids is {}", cpus));
  facts_.cpus = static_cast<uint32_t>(cpus);
  per_cpu_offsets_.resize(cpus);
  KTAPE_ASSIGN(GuestVirtual offsets, symbol("__per_cpu_offset"));
  // The page tables exist long before setup_per_cpu_areas() has run; a kernel that is still booting
  // fails here, and the caller tries again.
  KTAPE_TRY(read(memory, offsets, std::as_writable_bytes(std::span(per_cpu_offsets_))));
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) KTAPE_TRY(check_cpu(memory, CpuId(cpu)));
  return {};
}

// Each CPU's area contains the offset by which it was found (setup_per_cpu_areas,
// arch/x86/kernel/setup_percpu.c).
Result<void> Kernel::check_cpu(const GuestMemory& memory, CpuId cpu) const {
  KTAPE_ASSIGN(GuestVirtual address, per_cpu(memory, "this_cpu_off", cpu));
  auto offset = read_uint(memory, address, sizeof(uint64_t));
  if (offset.ok() && *offset == per_cpu_offsets_[cpu.value]) return {};
  return not_there(
      fmt::format("kernel is not set up: the per-CPU area of CPU {} is missing", cpu.value));
}

// Facts that are useful but not required: a kernel that lacks one is still adopted.
void Kernel::adopt_facts(const GuestMemory& memory) {
  auto page_offset = read_symbol(memory, "page_offset_base", sizeof(uint64_t));
  facts_.page_offset = page_offset.ok()            ? *page_offset
                       : facts_.paging_levels == 5 ? kDirectMap5
                                                   : kDirectMap4;
  facts_.hz = knowledge_->hz;
  facts_.banner = knowledge_->banner;
  facts_.preemption = preemption_in(facts_.banner);
  // `enum` of preempt_dynamic_mode in kernel/sched/core.c; -1 before it is set.
  constexpr std::array kModes = {"none", "voluntary", "full", "lazy"};
  auto mode = read_symbol(memory, "preempt_dynamic_mode", sizeof(uint32_t));
  // Only where the kernel can switch at run time; the banner alone names the model of others.
  if (mode.ok() && *mode < kModes.size()) facts_.preemption += fmt::format(" ({})", kModes[*mode]);

  auto data = read_symbol(memory, "vmcoreinfo_data", sizeof(uint64_t));
  auto size = read_symbol(memory, "vmcoreinfo_size", sizeof(uint64_t));
  // A limit for a guest that lies about the size.
  if (!data.ok() || !size.ok() || *size > kMaxVmcoreinfoBytes) return;
  std::string text(*size, '\0');
  if (!read(memory, GuestVirtual(*data),
            std::as_writable_bytes(std::span(text.data(), text.size())))
           .ok())
    return;
  facts_.vmcoreinfo = std::move(text);
  facts_.vmcoreinfo_agrees = kernel_offset_in(facts_.vmcoreinfo) == facts_.slide;
}

}  // namespace ktape
