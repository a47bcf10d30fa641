// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/image/symbol_table.h"
#include "guest/memory/flat_memory.h"
#include "guest/memory/page_walk.h"

// Kernel files and page tables made up in a test, in the forms of real ones.
namespace ktape::synthetic {

struct Section {
  std::string name;
  uint64_t address = 0;
  std::vector<std::byte> bytes;
};

inline constexpr uint16_t kMachineX86 = 62;

// An ELF64 file with these sections and a table of their names.
[[nodiscard]] std::vector<std::byte> make_elf(const std::vector<Section>& sections,
                                              uint16_t machine = kMachineX86);

// A bzImage around a packed payload; `unpacked_bytes` is appended to it if the codec has no trailer
// of its own (`with_size`).
[[nodiscard]] std::vector<std::byte> make_bzimage(std::vector<std::byte> packed,
                                                  size_t unpacked_bytes, bool with_size);

// The formats of kallsyms: 6.4 to 6.14, 6.15 on, and with offsets relative to themselves.
enum class Kallsyms { kAbsolutePerCpu, kBaseRelative, kPlaceRelative };

// Tables for ascending symbols, as they are at link address `address` (a multiple of 8).
[[nodiscard]] std::vector<std::byte> make_kallsyms(const std::vector<SymbolTable::Symbol>& symbols,
                                                   Kallsyms form, uint64_t address);

// Builds page tables in RAM, with tables taken one after another from `next_table`.
class PageTableBuilder {
 public:
  PageTableBuilder(WritableGuestMemory& memory, PageTables tables, uint64_t next_table)
      : memory_(memory), tables_(tables), next_table_(next_table) {}

  // One page: `level` 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB. `flags` are or-ed to its entry.
  void map(uint64_t virtual_address, uint64_t physical, int level, uint64_t flags = 0);

 private:
  WritableGuestMemory& memory_;
  PageTables tables_;
  uint64_t next_table_;
};

[[nodiscard]] std::vector<std::byte> bytes_of(std::string_view text);
void append_u32(std::vector<std::byte>& bytes, uint64_t value);
void append_u64(std::vector<std::byte>& bytes, uint64_t value);

}  // namespace ktape::synthetic
