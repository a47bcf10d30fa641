// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// What an ELF file needs from the dynamic linker (gabi, "Dynamic Section"; ld.so(8)).
struct ElfNeeds {
  std::string interpreter;           // PT_INTERP; empty for a library and for a static program
  std::vector<std::string> needed;   // DT_NEEDED, in order
  std::vector<std::string> rpath;    // DT_RPATH, split; $ORIGIN as written
  std::vector<std::string> runpath;  // DT_RUNPATH, likewise
  std::vector<std::byte> build_id;   // NT_GNU_BUILD_ID; empty if there is none
};

// Parses a program or library for x86-64. kBadInput says what the file is instead, e.g. "it is not
// an ELF file". The file may be hostile: nothing in it is run.
[[nodiscard]] Result<ElfNeeds> read_elf_needs(std::span<const std::byte> file);

// Looks only at the first bytes.
[[nodiscard]] bool is_elf(std::span<const std::byte> file);

// The words after "#!" of a script: the interpreter and, if present, the rest of the line as its
// one argument. Nothing if the file is not a script.
[[nodiscard]] std::optional<std::vector<std::string>> script_interpreter(
    std::span<const std::byte> file);

}  // namespace ktape
