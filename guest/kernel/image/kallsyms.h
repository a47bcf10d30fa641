// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/symbol_table.h"
#include "schema/base/result.h"

namespace ktape {

// A bound for damaged input, also for the form that a tape keeps: kernels have some 200 thousand.
inline constexpr size_t kMaxSymbols = size_t{1} << 21;

// Finds and decodes the tables that scripts/kallsyms.c writes into .rodata, in the order that
// kernels have since 6.4 (commit 404bad70fcf7, "scripts/kallsyms: change the output order"):
//
//   num_syms       u32
//   names          per symbol: a length (one byte, or two with bit 7 set), then that many token
//   numbers.
//                  The first character of the expanded name is nm's type letter
//   markers        u32 for every 256th symbol: its offset in names
//   token_table    256 strings, each ended by a zero byte
//   token_index    u16 for each of them: its offset in token_table
//   offsets        i32 per symbol
//   relative_base  u64; newer kernels have none
//
// Nothing names these tables in a vmlinux without symbols, so they are recognised by how they fit
// together. Alignment is 8, and 4 on newer kernels. Offsets come in three encodings: to
// relative_base; to relative_base for kernel addresses and absolute for per-CPU ones; to the place
// of the offset itself. The right one is that by which `linux_banner` is where the banner is.
//
// Result is by address. kBadInput when there are no such tables, or none of the encodings fits.
[[nodiscard]] Result<std::vector<SymbolTable::Symbol>> decode_kallsyms(const ElfImage& vmlinux);

}  // namespace ktape
