// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/image/symbol_table.h"

// A file that claims to be a kernel: bzImage or ELF, and the symbols inside.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto image = ktape::unpack_kernel_image(ktape::PageBuffer(bytes), "fuzzed");
  if (!image.ok()) return 0;
  const auto elf = ktape::ElfImage::parse(image->vmlinux);
  if (!elf.ok()) return 0;
  (void)elf->build_id();
  (void)elf->banner();
  (void)ktape::SymbolTable::from_kallsyms(*elf);
  return 0;
}
