// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/symbol_table.h"
#include "tests/support/kernel/synthetic_kernel.h"

// Only the tables, in a valid vmlinux around them: most changes to a whole file only break the ELF.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kReadOnlyData = 0xffffffff82000000;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file =
      ktape::synthetic::make_elf({{".rodata", kReadOnlyData, {bytes.begin(), bytes.end()}}});
  const auto elf = ktape::ElfImage::parse(file);
  if (elf.ok()) (void)ktape::SymbolTable::from_kallsyms(*elf);
  return 0;
}
