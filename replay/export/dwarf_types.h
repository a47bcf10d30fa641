// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "guest/kernel/image/symbol_table.h"
#include "guest/kernel/types/btf_table.h"

namespace ktape {

// Debug information for gdb, drgn and crash, which do not read BTF.
struct DwarfSections {
  std::string info;     // .debug_info
  std::string abbrev;   // .debug_abbrev
  std::string strings;  // .debug_str
  uint32_t types = 0;
  uint32_t variables = 0;
};

// All types of a kernel as one DWARF 4 unit, and those of its variables whose types are known: the
// per-CPU variables, which BTF has, and a few others that readers of cores ask for by name.
// Addresses are those of `symbols`. No functions, no lines.
[[nodiscard]] DwarfSections make_dwarf(const BtfTable& types, const SymbolTable& symbols);

}  // namespace ktape
