// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "guest/kernel/kernel.h"
#include "schema/base/result.h"

namespace ktape {

struct SymbolElf {
  std::string file;    // up to where it is nothing but zeros
  uint64_t bytes = 0;  // of the whole file
  uint32_t symbols = 0;
  uint32_t types = 0;
  uint32_t variables = 0;
};

// A vmlinux without code and data, for tools that want one beside a core: the kernel's symbols at
// link-time addresses, its sections as far as symbols tell where they are, its build id, .BTF, and
// the same types as DWARF (see dwarf_types.h). The sections of the image are zero, a hole in the
// file: crash and nm want them to have contents. kBadInput if the BTF is unusable;
// kNotApplicable without the symbols that delimit the image.
[[nodiscard]] Result<SymbolElf> make_symbol_elf(const KernelKnowledge& kernel);

}  // namespace ktape
