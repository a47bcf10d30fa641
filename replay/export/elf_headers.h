// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ktape {

// Headers of the ELF files of an x86-64 kernel that exports write.

// ET_CORE or ET_EXEC, with program headers directly behind it.
[[nodiscard]] inline Elf64_Ehdr elf_header(uint16_t type, size_t segments) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(segments);
  return header;
}

// A segment of memory. Where it is in the file is for the caller to set.
[[nodiscard]] inline Elf64_Phdr load_header(uint64_t address, uint64_t physical, uint64_t bytes) {
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_flags = PF_R | PF_W | PF_X;
  load.p_vaddr = address;
  load.p_paddr = physical;
  load.p_memsz = bytes;
  return load;
}

}  // namespace ktape
