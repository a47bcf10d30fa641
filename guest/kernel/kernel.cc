// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "guest/memory/translation_cache.h"

namespace ktape {
namespace {

Error no_symbol(std::string_view name) {
  return Error{ErrorCode::kNotFound, fmt::format("no symbol '{}' in this kernel", name)};
}

}  // namespace

// If per-CPU symbols are linked at 0, their addresses are offsets, and the slide does not apply.
// Kernel addresses have bit 63 set.
GuestVirtual Kernel::at_run_time(uint64_t link_address) const {
  bool slides = link_address >> 63;
  return GuestVirtual(link_address + (slides ? facts_.slide : 0));
}

Result<GuestVirtual> Kernel::symbol(std::string_view name) const {
  auto address = knowledge_->symbols.find(name);
  if (!address) return no_symbol(name);
  return at_run_time(*address);
}

Result<GuestVirtual> Kernel::per_cpu(const GuestMemory& memory, std::string_view name,
                                     CpuId cpu) const {
  const SymbolTable& symbols = knowledge_->symbols;
  auto address = symbols.find(name);
  if (!address) return no_symbol(name);
  auto start = symbols.find("__per_cpu_start");
  auto end = symbols.find("__per_cpu_end");
  // Without the bounds (no SMP) every symbol is accepted: there is one instance, at the symbol
  // itself.
  if (start && end && (*address < *start || *address >= *end)) {
    return Error{ErrorCode::kNotFound, fmt::format("symbol '{}' is not per-CPU", name)};
  }
  return per_cpu_pointer(memory, at_run_time(*address).value, cpu);
}

// Offsets never change after boot, so those read at adoption are valid for every memory of this
// kernel.
Result<GuestVirtual> Kernel::per_cpu_pointer(const GuestMemory& memory, uint64_t pointer,
                                             CpuId cpu) const {
  if (cpu.value >= facts_.cpus) {
    return Error{ErrorCode::kOutOfRange,
                 fmt::format("no CPU {}: the kernel has {}", cpu.value, facts_.cpus)};
  }
  // A restored kernel reads the offset each time, from the memory at hand: of the kernel's pages, a
  // tape has those that the capture touched, which may lack this one.
  if (!per_cpu_offsets_.empty()) return GuestVirtual(pointer + per_cpu_offsets_[cpu.value]);
  KTAPE_ASSIGN(GuestVirtual offsets, symbol("__per_cpu_offset"));
  KTAPE_ASSIGN(uint64_t offset,
               read_uint(memory, offsets + cpu.value * sizeof(uint64_t), sizeof(uint64_t)));
  return GuestVirtual(pointer + offset);
}

Result<Mapping> Kernel::mapping(const GuestMemory& memory, GuestVirtual address) const {
  // The cache belongs to the memory and not to the kernel, because it is valid only as long as that
  // memory stands still.
  Translations* const known = memory.translations();
  if (known == nullptr) return walk(memory, tables_, address);
  if (const std::optional<Mapping> page = known->find(address)) return *page;
  Result<Mapping> walked = walk(memory, tables_, address);
  // Failures are not cached: they are rare, and a page that recorded memory lacks must be reported
  // by name each time.
  if (walked.ok()) known->add(address, *walked);
  return walked;
}

Result<GuestPhysical> Kernel::translate(const GuestMemory& memory, GuestVirtual address) const {
  KTAPE_ASSIGN(const Mapping page, mapping(memory, address));
  return page.address;
}

Result<void> Kernel::read(const GuestMemory& memory, GuestVirtual address,
                          std::span<std::byte> out) const {
  while (!out.empty()) {
    KTAPE_ASSIGN(const Mapping page, mapping(memory, address));
    size_t bytes = std::min<uint64_t>(out.size(), page.contiguous_bytes);
    KTAPE_TRY(memory.read(page.address, out.first(bytes)));
    out = out.subspan(bytes);
    address = address + bytes;
  }
  return {};
}

Result<void> Kernel::write(WritableGuestMemory& memory, GuestVirtual address,
                           std::span<const std::byte> bytes) const {
  std::vector<Mapping> pages;
  for (uint64_t done = 0; done < bytes.size(); done += pages.back().contiguous_bytes) {
    // walk(), not mapping(): writable memory has no cache, since a write may change the tables.
    KTAPE_ASSIGN(Mapping mapping, walk(memory, tables_, address + done));
    mapping.contiguous_bytes = std::min<uint64_t>(mapping.contiguous_bytes, bytes.size() - done);
    pages.push_back(mapping);
  }
  for (const Mapping& page : pages) {
    KTAPE_TRY(memory.write(page.address, bytes.first(page.contiguous_bytes)));
    bytes = bytes.subspan(page.contiguous_bytes);
  }
  return {};
}

Result<uint64_t> Kernel::read_uint(const GuestMemory& memory, GuestVirtual address,
                                   size_t width) const {
  if (width != 1 && width != 2 && width != 4 && width != 8) {
    return Error{ErrorCode::kUsage,
                 fmt::format("no integer of {} bytes: only of 1, 2, 4 or 8", width)};
  }
  uint64_t value = 0;
  KTAPE_TRY(read(memory, address, std::as_writable_bytes(std::span(&value, 1)).first(width)));
  return value;
}

Result<uint64_t> Kernel::read_symbol(const GuestMemory& memory, std::string_view name,
                                     size_t width) const {
  KTAPE_ASSIGN(GuestVirtual address, symbol(name));
  return read_uint(memory, address, width);
}

std::string Kernel::describe(GuestVirtual address) const {
  const SymbolTable& symbols = knowledge_->symbols;
  // Wraps to a huge number for addresses below the kernel, which the comparison refuses.
  uint64_t link = address.value - facts_.slide;
  auto start = symbols.find("_text");
  auto end = symbols.find("_end");
  if (!start || !end || link < *start || link >= *end) return {};
  return symbols.describe(link);
}

}  // namespace ktape
